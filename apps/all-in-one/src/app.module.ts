import { start as startCampaignOrchestrator } from '@muster/campaign-orchestrator';
import { start as startCommands } from '@muster/commands';
import { start as startConfiguration } from '@muster/configuration';
import { start as startDeviceRegistry } from '@muster/device-registry';
import { start as startFirmware } from '@muster/firmware';
import { start as startGateway } from '@muster/gateway';
import { start as startHttpAdapter } from '@muster/http-adapter';
import { start as startIdentity } from '@muster/identity';
import { start as startIotHubAdapter } from '@muster/iothub-adapter';
import { start as startMqttAdapter } from '@muster/mqtt-adapter';
import { start as startMqttFront } from '@muster/mqtt-front';
import { combineOps, openOperations, type RunningApp } from '@muster/observability';
import { start as startTelemetry } from '@muster/telemetry';
import { loadConfig } from './config.js';

/**
 * Every service in one process, for a laptop. Nothing but the process is shared: they talk over NATS as if they were
 * far apart. The gateway listens first, because its health page speaks for all; the edges stop first, so that no request
 * arrives that nobody answers.
 */
export const start = async (env?: Readonly<Record<string, string | undefined>>): Promise<RunningApp> => {
  const config = loadConfig(env);
  // First, so that the metrics of the process have its name.
  const operations = await openOperations({ name: 'all-in-one', ...config });
  const started: RunningApp[] = [];
  const begin = async (starting: Promise<RunningApp>): Promise<void> => {
    started.push(await starting);
  };
  const stop = async (): Promise<void> => {
    await stopAll(started);
    await operations.close();
  };
  const servicesThenAdapters = async (): Promise<void> => {
    await allOrThrow([
      begin(startDeviceRegistry(env)),
      begin(startConfiguration(env)),
      begin(startTelemetry(env)),
      begin(startCampaignOrchestrator(env)),
      begin(startCommands(env)),
      begin(startFirmware(env)),
      begin(startIdentity(env)),
    ]);
    await allOrThrow([
      begin(startMqttAdapter(env)),
      begin(startHttpAdapter(env)),
      begin(startIotHubAdapter(env)),
    ]);
    // Last: who is let in finds somebody to speak to.
    await begin(startMqttFront(env));
  };
  try {
    await allOrThrow([begin(startGateway(env)), servicesThenAdapters()]);
  } catch (error) {
    await stop();
    throw error;
  }
  operations.health.started();
  return { name: 'all-in-one', ops: combineOps(started), stopSeconds: config.stopSeconds, stop };
};

/** Waits for all even when one fails, so that none is left starting behind our back. */
const allOrThrow = async (promises: readonly Promise<void>[]): Promise<void> => {
  for (const outcome of await Promise.allSettled(promises)) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
};

const stopAll = async (started: readonly RunningApp[]): Promise<void> => {
  const services = [
    'device-registry',
    'configuration',
    'telemetry',
    'campaign-orchestrator',
    'commands',
    'firmware',
    'identity',
  ];
  const edges = started.filter(({ name }) => !services.includes(name));
  await allOrThrow(edges.map((app) => app.stop()));
  await allOrThrow(started.filter((app) => !edges.includes(app)).map((app) => app.stop()));
};
