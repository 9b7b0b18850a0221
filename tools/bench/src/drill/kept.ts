import { readFileSync } from 'node:fs';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, credsAuthenticator } from '@nats-io/transport-node';
import type { Cluster } from '@muster/launcher';

/** What several servers keep together. */
export interface Kept {
  readonly name: string;
  readonly leader: string;
  /** `quorum`, `classic`; of a stream, `stream` */
  readonly type: string;
  /** Servers that are to have it. */
  readonly members: number;
  /** How many of these have all of it at the moment. */
  readonly current: number;
}

export const isWhole = ({ members, current, leader }: Kept): boolean => current === members && leader !== '';

/** Undefined: JetStream does not tell at the moment. */
export const keptStreams = async ({
  nats,
  natsCredentials,
}: Cluster): Promise<readonly Kept[] | undefined> => {
  const connection = await connect({
    servers: nats.nodes.map(({ port }) => `127.0.0.1:${port}`),
    authenticator: credsAuthenticator(readFileSync(natsCredentials)),
  });
  try {
    const { streams } = await jetstreamManager(connection, { checkAPI: false });
    const all: Kept[] = [];
    for await (const { config, cluster } of streams.list()) {
      const { leader = '', replicas = [] } = cluster ?? {};
      all.push({
        ...{ name: config.name, type: 'stream', leader, members: config.num_replicas },
        current: (leader === '' ? 0 : 1) + replicas.filter((one) => one.current && !one.offline).length,
      });
    }
    return all;
  } catch {
    return undefined;
  } finally {
    await connection.close();
  }
};

/**
 * Our own queues. Each node tells of those that it leads: asked for all of them, nodes answer who asks by the name of its host,
 * which is not to be reached here.
 */
export const keptQueues = async ({ rabbitmq }: Cluster): Promise<readonly Kept[]> => {
  const columns = ['name', 'type', 'leader', 'members', 'online', 'pid'];
  const all: Kept[] = [];
  for (const node of rabbitmq.nodes) {
    const text = await rabbitmq.command(node, [
      ...['rabbitmqctl', '--quiet', '--no-table-headers', 'list_queues', '--local', ...columns],
    ]);
    all.push(
      ...text
        .split('\n')
        .filter((line) => line.startsWith('muster.'))
        .map(queueOf),
    );
  }
  return all;
};

const queueOf = (line: string): Kept => {
  const [name = '', type = '', leader = '', members = '', online = '', pid = ''] = line.split('\t');
  return {
    ...{ name, type },
    // A classic queue is where its process is: <rabbitmq-1@localhost.…>
    leader: (leader === '' ? pid.slice(1) : leader).replace(/@.*$/, ''),
    members: members === '' ? 1 : members.split(',').length,
    current: online === '' ? 1 : online.split(',').length,
  };
};
