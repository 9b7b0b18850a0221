import { join } from 'node:path';
import {
  bringUpNatsCluster,
  bringUpPostgres,
  bringUpRabbitmqCluster,
  natsKeys,
  urlsOf,
  type NatsCluster,
  type RabbitmqCluster,
} from '@muster/local-servers';
import type { ReplicasOptions } from './replicas.js';

export interface Cluster {
  readonly nats: NatsCluster;
  readonly rabbitmq: RabbitmqCluster;
  /** With it the services log in at NATS. */
  readonly natsCredentials: string;
}

/** Several nodes of NATS and of RabbitMQ, for `Replicas.open`; `opened` gets them when they run. */
export const severalNodes = (count: number, opened: (cluster: Cluster) => void): ReplicasOptions => ({
  servers: async (instance) => {
    const [nats, rabbitmq] = await Promise.all([
      bringUpNatsCluster(instance, count),
      bringUpRabbitmqCluster(instance, count),
      bringUpPostgres(instance),
    ]);
    await growQueues(rabbitmq);
    const { settings, secrets } = instance;
    const natsCredentials = join(natsKeys(settings), 'services.creds');
    opened({ nats, rabbitmq, natsCredentials });
    const urls = rabbitmq.nodes.map(({ amqp, brokerMqtt }) =>
      urlsOf({ ...settings, ports: { ...settings.ports, amqp, brokerMqtt } }, secrets),
    );
    return {
      MUSTER_NATS_URL: nats.nodes.map(({ port }) => `nats://127.0.0.1:${port}`).join(','),
      MUSTER_NATS_STREAM_REPLICAS: String(count),
      MUSTER_AMQP_URL: urls.map(({ amqp }) => amqp).join(','),
      MUSTER_BROKER_MQTT_URL: urls.map(({ brokerMqtt }) => brokerMqtt).join(','),
    };
  },
});

/** As deploy/rabbitmq/README.md says: by itself only RabbitMQ 4 gives queues members that joined later. */
const growQueues = async ({ nodes, version, command }: RabbitmqCluster): Promise<void> => {
  if (Number(version.split('.')[0]) >= 4) return;
  const [first, ...joined] = nodes;
  if (first === undefined) return;
  for (const { name } of joined)
    await command(first, [
      ...['rabbitmq-queues', 'grow', `${name}@localhost`, 'all', '--queue-pattern', '^muster'],
    ]);
};
