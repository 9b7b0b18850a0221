import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@muster/local-servers';
import { eventually } from './eventually.js';
import { requireTestVariable } from './test-environment.js';

export interface NatsCluster {
  /** Of its first server. */
  readonly url: string;
  /** Safe to call twice. */
  stop(): Promise<void>;
}

/** Three servers of NATS with JetStream, without accounts. Resolves when all answer; JetStream has a leader a moment later. */
export const startNatsCluster = async (): Promise<NatsCluster> => {
  const binary = requireTestVariable('MUSTER_TEST_NATS_BINARY');
  const store = await mkdtemp(join(tmpdir(), 'muster-nats-cluster-'));
  const ports = [await freePort(), await freePort(), await freePort()];
  const routes = [await freePort(), await freePort(), await freePort()].map(
    (port) => `nats://127.0.0.1:${port}`,
  );
  const servers = ports.map((port, index) =>
    spawn(
      binary,
      [
        ...['--addr', '127.0.0.1', '--port', String(port), '--name', `n${index}`],
        ...['--jetstream', '--store_dir', join(store, String(index))],
        ...['--cluster_name', 'specs', '--cluster', routes[index] ?? '', '--routes', routes.join(',')],
      ],
      { stdio: 'ignore' },
    ),
  );
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map(end));
    await rm(store, { recursive: true, force: true });
  };
  try {
    for (const port of ports)
      await eventually(() => accepts(port), { what: 'all servers of NATS to answer' });
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `nats://127.0.0.1:${ports[0] ?? 0}`, stop };
};

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

const end = async (server: ChildProcess): Promise<void> => {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const gone = once(server, 'exit');
  server.kill('SIGKILL');
  await gone;
};
