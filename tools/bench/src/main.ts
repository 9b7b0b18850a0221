import { brokerCost } from './broker-cost.js';
import { bulkDrill } from './bulk-drill.js';
import { bulk } from './bulk.js';
import { burst } from './burst.js';
import { campaignDrill } from './campaign-drill.js';
import { campaignScale } from './campaign-scale.js';
import { campaigns } from './campaigns.js';
import { changes } from './changes.js';
import { door } from './door/door.js';
import { consoleBench } from './console.js';
import { deviceFilter } from './device-filter.js';
import { importBench } from './import.js';
import { iothub } from './iothub/iothub.js';
import { jsonReading } from './json-reading.js';
import { domains } from './domains.js';
import { killDrill } from './kill-drill.js';
import { noisyDevice } from './noisy-device.js';
import { platform } from './platform.js';
import { pushBurst } from './push-burst.js';
import { pushLatency } from './push-latency.js';
import { reconnectStorm } from './reconnect-storm.js';
import { replicas } from './drill/replicas.js';
import { cluster } from './drill/cluster.js';
import { restore } from './drill/restore.js';
import { upgrade } from './drill/upgrade.js';
import { sampleSize } from './sample-size.js';
import { stateFilters } from './state-filters.js';
import { stopDrill } from './stop-drill.js';

const benches: Readonly<Record<string, () => Promise<string>>> = {
  'push-latency': pushLatency,
  'kill-drill': killDrill,
  'noisy-device': noisyDevice,
  door,
  'device-filter': deviceFilter,
  'push-burst': pushBurst,
  'broker-cost': brokerCost,
  campaigns,
  'campaign-drill': campaignDrill,
  'campaign-scale': campaignScale,
  changes,
  cluster,
  bulk,
  'bulk-drill': bulkDrill,
  burst,
  domains,
  console: consoleBench,
  import: importBench,
  iothub,
  'json-reading': jsonReading,
  'reconnect-storm': reconnectStorm,
  replicas,
  restore,
  'sample-size': sampleSize,
  'state-filters': stateFilters,
  'stop-drill': stopDrill,
  upgrade,
};

const isUnreachable = (error: unknown): boolean =>
  error instanceof Error &&
  /ECONNREFUSED|ENOTFOUND|fetch failed/.test(`${error.message} ${String(error.cause)}`);

const name = process.argv[2] ?? '';
const bench = benches[name];
if (bench === undefined) {
  process.stderr.write(
    `usage: npm run bench -- ${Object.keys(benches).join(' | ')}   (while npm start runs; campaigns, campaign-scale, cluster, device-filter, state-filters, console, iothub, json-reading, replicas, restore, sample-size and upgrade run alone)\n`,
  );
  process.exitCode = 64;
} else {
  try {
    process.stdout.write(`${await bench()}\n`);
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    process.stderr.write(
      `${platform.url} and ${platform.mqttUrl} are not both there: does npm start run? (${String(error)} ${String((error as Error).cause)})\n`,
    );
    process.exitCode = 1;
  }
}
