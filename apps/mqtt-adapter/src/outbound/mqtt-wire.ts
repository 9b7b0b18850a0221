import type { Addressee, Push, Wire } from '@muster/downlink';
import { formatRoutingKey, matchesBinding, pushTopic } from '@muster/kp1';
import { msUntil, type Downlink } from '../broker/rabbitmq-connection.js';
import type { Sessions } from '../broker/sessions.js';

/**
 * Pushes over RabbitMQ: QoS 1, on the topic without request id. The broker sends back what it has no subscription for, also
 * of a client that is away and has kept its session. Where that is known to be so for all that are subscribed, the message is
 * for now or never (`expiration` 0): in the session's queue it would outlive what it says, and is offered when the client is
 * back. Any other one expires there with what it brings.
 */
export const mqttWire = (
  broker: Pick<Downlink, 'publish'>,
  sessions: Pick<Sessions, 'areAway' | 'reachedSince' | 'versionsOf'>,
): Wire => ({
  interface: 'mqtt',
  covers: (to, push) =>
    to.channels === undefined ||
    to.channels.some((pattern) => matchesBinding(pattern, routingKeyOf(to, push))),
  versionsOf: (token, extension) => sessions.versionsOf(token, extension),
  reaches: (to, push) => sessions.reachedSince(routingKeyOf(to, push)) !== undefined,
  send: async (to, push) => {
    const routingKey = routingKeyOf(to, push);
    const areAway = sessions.areAway(routingKey);
    const expiresInMs = areAway ? 0 : push.expiresAt === undefined ? undefined : msUntil(push.expiresAt);
    const message = { routingKey, body: push.body, qos: 1, mandatory: true, expiresInMs } as const;
    return (await broker.publish(message)) === 'routed' && !areAway;
  },
});

const routingKeyOf = ({ appVersion, token }: Addressee, { extension, path }: Push): string =>
  formatRoutingKey(pushTopic({ appVersion, token, extension, path }));
