import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { createLogger } from '@muster/observability';
import { startNatsCluster, type NatsCluster } from '@muster/testing';
import { connectBus } from './bus.js';

let cluster: NatsCluster;
beforeAll(async () => {
  cluster = await startNatsCluster();
}, 60_000);
afterAll(() => cluster.stop());

const replicasAfter = async (streamReplicas: number | undefined): Promise<number> => {
  const logger = createLogger({ service: 'spec', level: 'silent' });
  const bus = await connectBus({ url: cluster.url, name: 'spec', logger, streamReplicas });
  await bus.ensureStream({ name: 'EVENTS', subjects: ['events.>'], maxAgeMs: 60_000, maxBytes: 1_000_000 });
  await bus.close();
  const connection = await connect({ servers: cluster.url });
  const { config } = await (await jetstreamManager(connection)).streams.info('EVENTS');
  await connection.close();
  return config.num_replicas;
};

it('keeps a stream at as many servers as it is told; told nothing, at one, or as many as it has', async () => {
  expect(await replicasAfter(undefined)).toBe(1);
  expect(await replicasAfter(3)).toBe(3);
  expect(await replicasAfter(undefined)).toBe(3);
  expect(await replicasAfter(1)).toBe(1);
}, 60_000);
