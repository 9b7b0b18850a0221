import { join } from 'node:path';
import {
  type Given,
  natsKeys,
  readSecrets,
  readSettings,
  settingsOfRunning,
  urlsOf,
} from '@muster/local-servers';
import { runHere } from './run-here.js';
import { complain } from './terminal.js';

/** Runs a tool of the checkout against what `npm start` runs here, wherever it listens; variables that are set say otherwise. */
export const runBesideRunning = async (
  root: string,
  tool: string,
  args: readonly string[],
  needed: readonly (keyof Given)[] = [],
): Promise<number> => {
  const program = join(root, 'tools', tool, 'dist/src/main.js');
  try {
    const settings = readSettings(root, process.env);
    const running = settingsOfRunning(settings, needed);
    if (running === null) return await runHere(program, args, {});
    const urls = urlsOf(running, readSecrets(settings.home));
    return await runHere(program, args, {
      MUSTER_URL: urls.gateway,
      MUSTER_MQTT_URL: urls.mqtt,
      MUSTER_BROKER_MQTT_URL: urls.brokerMqtt,
      MUSTER_HTTP_URL: urls.httpDevices,
      ...(needed.includes('database') ? { MUSTER_DATABASE_URL: urls.database } : {}),
      ...(needed.includes('nats') && running.given.nats === undefined
        ? {
            MUSTER_NATS_URL: urls.nats,
            MUSTER_NATS_CREDENTIALS_FILE: join(natsKeys(running), 'services.creds'),
          }
        : {}),
      ...process.env,
    });
  } catch (error) {
    complain(error);
    return 1;
  }
};
