import type { Addressee, Push, Wire } from '@muster/downlink';
import { formatRoutingKey, matchesBinding, pushTopic } from '@muster/kp1';
import type { Downlink } from '../broker/rabbitmq-connection.js';

/**
 * Pushes over RabbitMQ: QoS 1, on the topic without request id. The broker sends back what it has no subscription for, also
 * of a client that is away and has kept its session.
 */
export const mqttWire = (broker: Pick<Downlink, 'publish'>): Wire => ({
  interface: 'mqtt',
  covers: (to, push) =>
    to.channels === undefined ||
    to.channels.some((pattern) => matchesBinding(pattern, routingKeyOf(to, push))),
  send: async (to, push) => {
    const message = { routingKey: routingKeyOf(to, push), body: push.body, qos: 1, mandatory: true } as const;
    return (await broker.publish(message)) === 'routed';
  },
});

const routingKeyOf = ({ appVersion, token }: Addressee, { extension, path }: Push): string =>
  formatRoutingKey(pushTopic({ appVersion, token, extension, path }));
