import { join } from 'node:path';
import { natsAnswers } from './probe.js';
import type { NatsProgram } from './resolve.js';
import { plainEnvironment, type Server } from './server.js';
import type { Settings } from './settings.js';
import { privateDirectory } from './state.js';

/** No authentication: it listens on 127.0.0.1 only. Integrators' credentials are for real installations. */
export const natsServer = (settings: Settings, program: NatsProgram): Server => {
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
          'max_payload: 1MB',
          `jetstream { store_dir: ${JSON.stringify(store)} }`,
          '',
        ].join('\n'),
      },
    ],
    prepare: () => privateDirectory(store),
    ready: () => natsAnswers({ host: '127.0.0.1', port }),
    readyWithinMs: 30_000,
    stopSignal: 'SIGTERM',
    stopWithinMs: 10_000,
    adoptable: true,
  };
};
