import { Failure, Failures } from './failure.js';

export type MissingServer = 'PostgreSQL' | 'NATS' | 'RabbitMQ';

/** A server whose program is neither here nor to be had. */
export class Missing extends Failure {
  constructor(
    readonly server: MissingServer,
    reason: string,
  ) {
    super(reason);
    this.name = 'Missing';
  }
}

const WAYS_OUT: Record<MissingServer, readonly string[]> = {
  PostgreSQL: ['MUSTER_DATABASE_URL=postgres://user:password@host:5432/database npm start'],
  NATS: [
    'put a nats-server >= 2.9 on the PATH (one file, no root needed: github.com/nats-io/nats-server/releases)',
    'MUSTER_NATS_URL=nats://host:4222 npm start      (with JetStream on)',
  ],
  RabbitMQ: [
    'MUSTER_AMQP_URL=amqp://user:password@host:5672 npm start      (set up as deploy/rabbitmq/README.md says)',
  ],
};

/** All that is missing in one block, each with what was tried, and every way out. Other errors pass unchanged. */
export const explainMissing = (error: unknown, platform: NodeJS.Platform = process.platform): unknown => {
  const parts = error instanceof Failures ? error.parts : [error];
  const missing = parts.filter((part) => part instanceof Missing);
  if (missing.length === 0) return error;
  const tried = (server: MissingServer) =>
    server === 'PostgreSQL' ? '' : 'no URL given, no program on PATH, none in .muster/servers; ';
  return new Failure(
    [
      `muster cannot start: ${missing.length} of 3 servers ${missing.length === 1 ? 'is' : 'are'} missing.`,
      ...missing.map(({ server, message }) => `  ${server.padEnd(12)}${tried(server)}${message}`),
      'Do one of these for each, then run npm start again:',
    ].join('\n'),
    [...missing.flatMap(({ server }) => WAYS_OUT[server]), ...systemHint(platform), 'docker compose up'].map(
      (way) => `* ${way}`,
    ),
  );
};

const systemHint = (platform: NodeJS.Platform): readonly string[] => {
  if (platform === 'darwin') return ['brew install nats-server rabbitmq'];
  if (platform === 'win32') return ['use WSL2 with Ubuntu 24.04'];
  return [
    'sudo apt install nats-server rabbitmq-server      (starts servers of the system, which muster leaves alone)',
    'go online: the first start downloads them with apt-get, without root; later starts need no network',
  ];
};
