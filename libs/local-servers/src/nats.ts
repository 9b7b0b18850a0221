import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { openTrust, streamsAccount, trustLines, type Trust } from '@muster/nats-accounts';
import { natsAnswers } from './probe.js';
import type { NatsProgram } from './resolve.js';
import { plainEnvironment, type Server } from './server.js';
import type { Settings } from './settings.js';
import { privateDirectory } from './state.js';

/** Largest message; what is sent in batches is cut to it. */
export const NATS_MAX_PAYLOAD = '1MB';

/** The keys of the private NATS, and the files that hand them out. */
export const natsKeys = ({ home }: Settings): string => join(home, 'nats-keys');

export const openNatsTrust = (settings: Settings): Promise<Trust> => openTrust(natsKeys(settings));

/** One of several servers of NATS that keep streams together. */
export type NatsNode = {
  /** `nats-2`: its name in the cluster, of its log and of its data. */
  readonly name: string;
  readonly port: number;
  readonly routePort: number;
  /** Of all of them. */
  readonly routePorts: readonly number[];
};

/** Accounts by JWT, so that integrators can be let in while it runs. It listens on 127.0.0.1 only. */
export const natsServer = (
  settings: Settings,
  program: NatsProgram,
  { server }: Trust,
  node?: NatsNode,
): Server => {
  const port = node?.port ?? settings.ports.nats;
  const name = node?.name ?? 'nats';
  const store = join(settings.home, 'data', name);
  const config = join(settings.home, `${name}.conf`);
  return {
    name,
    title: node === undefined ? 'NATS' : name,
    command: program.path,
    args: ['-c', config],
    env: plainEnvironment(),
    cwd: settings.home,
    logFile: join(settings.home, 'log', `${name}.log`),
    ports: [{ port, variable: 'MUSTER_NATS_PORT' }],
    files: [
      {
        path: config,
        content: [
          `server_name: ${node?.name ?? 'muster'}`,
          `listen: "127.0.0.1:${port}"`,
          `max_payload: ${NATS_MAX_PAYLOAD}`,
          `jetstream { store_dir: ${JSON.stringify(store)} }`,
          ...trustLines(server, join(store, 'accounts')),
          ...(node === undefined ? [] : clusterLines(node)),
          '',
        ].join('\n'),
      },
    ],
    prepare: () => {
      privateDirectory(store);
      adoptStreams(join(store, 'jetstream'), streamsAccount(server));
    },
    ready: () => natsAnswers({ host: '127.0.0.1', port }),
    readyWithinMs: 30_000,
    stopSignal: 'SIGTERM',
    stopWithinMs: 10_000,
    adoptable: true,
  };
};

const clusterLines = ({ routePort, routePorts }: NatsNode): readonly string[] => [
  `cluster { name: muster, listen: "127.0.0.1:${routePort}", routes: [${routePorts
    .map((port) => `"nats://127.0.0.1:${port}"`)
    .join(', ')}] }`,
];

/** Before there were accounts the streams were in the global one: they move, with their consumers and positions. */
const adoptStreams = (directory: string, account: string): void => {
  const [global, ours] = [join(directory, '$G'), join(directory, account)];
  if (existsSync(global) && !existsSync(ours)) renameSync(global, ours);
};
