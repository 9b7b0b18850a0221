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

/** Accounts by JWT, so that integrators can be let in while it runs. It listens on 127.0.0.1 only. */
export const natsServer = (settings: Settings, program: NatsProgram, { server }: Trust): Server => {
  const port = settings.ports.nats;
  const store = join(settings.home, 'data', 'nats');
  const config = join(settings.home, 'nats.conf');
  return {
    name: 'nats',
    title: 'NATS',
    command: program.path,
    args: ['-c', config],
    env: plainEnvironment(),
    cwd: settings.home,
    logFile: join(settings.home, 'log', 'nats.log'),
    ports: [{ port, variable: 'MUSTER_NATS_PORT' }],
    files: [
      {
        path: config,
        content: [
          'server_name: muster',
          `listen: "127.0.0.1:${port}"`,
          `max_payload: ${NATS_MAX_PAYLOAD}`,
          `jetstream { store_dir: ${JSON.stringify(store)} }`,
          ...trustLines(server, join(store, 'accounts')),
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

/** Before there were accounts the streams were in the global one: they move, with their consumers and positions. */
const adoptStreams = (directory: string, account: string): void => {
  const [global, ours] = [join(directory, '$G'), join(directory, account)];
  if (existsSync(global) && !existsSync(ours)) renameSync(global, ours);
};
