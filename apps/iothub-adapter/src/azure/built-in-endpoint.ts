import { EventHubConsumerClient } from '@azure/event-hubs';
import type { HubEndpoint } from '@muster/contracts/iothub-adapter/hubs.requests';
import { ReceiverEvents, type AmqpError, type Connection, type EventContext } from 'rhea-promise';
import type { PolicyAccess } from '../hub/connection-string.js';
import { amqpFailure, leave, openConnection, TIMEOUT_SECONDS } from './amqp-connection.js';
import { HubFailure, hostOf } from './hub-rest.js';

/** Where the events of a hub are read. */
export interface EndpointAddress {
  /** With a port, where it is not the usual one. */
  readonly hostName: string;
  readonly eventHub: string;
}

const AMQPS = 5671;
/**
 * Asks a hub for its Event Hubs-compatible endpoint: it answers who would read `messages/events` with `amqp:link:redirect`.
 * Needs the right ServiceConnect. Throws `HubFailure`, 401 where the hub lets us not in.
 */
export const findEndpoint = async (hub: PolicyAccess): Promise<EndpointAddress> => {
  const { hostName } = hub;
  const { name: host } = hostOf(hostName);
  let connection: Connection | undefined;
  try {
    const opened = await openConnection(hub);
    connection = opened;
    const redirected = new Promise<EndpointAddress>((resolve, reject) => {
      const judge = (error: AmqpError | Error | undefined): void => {
        const address = redirectOf(error);
        if (address === undefined) reject(amqpFailure(hostName, error));
        else resolve(address);
      };
      opened
        .createReceiver({
          source: { address: `amqps://${host}/messages/events/$management` },
          // Nothing is to come but the refusal.
          credit_window: 0,
          onError: ({ receiver }: EventContext) => judge(receiver?.error),
        })
        .then(
          (receiver) => receiver.on(ReceiverEvents.receiverError, () => judge(receiver.error)),
          (error: unknown) => judge(error as Error),
        );
    });
    return await withDeadline(redirected, hostName);
  } catch (error) {
    throw amqpFailure(hostName, error);
  } finally {
    if (connection !== undefined) leave(connection);
  }
};

/** With its partitions; asks the endpoint itself. Throws what Event Hubs says. */
export const readEndpoint = async (hub: PolicyAccess): Promise<HubEndpoint> => {
  const address = await findEndpoint(hub);
  const client = openReader(hub, address, '$Default');
  try {
    const partitions = await client.getPartitionIds();
    return { hostName: address.hostName, eventHub: address.eventHub, partitions };
  } finally {
    await client.close();
  }
};

/** Event Hubs finds its host, event hub, policy and key in one text. */
export const endpointConnectionString = (
  { policy, key }: Pick<PolicyAccess, 'policy' | 'key'>,
  { hostName, eventHub }: EndpointAddress,
): string =>
  `Endpoint=sb://${hostName}/;SharedAccessKeyName=${policy};SharedAccessKey=${key};EntityPath=${eventHub}`;

const openReader = (
  hub: PolicyAccess,
  address: EndpointAddress,
  consumerGroup: string,
): EventHubConsumerClient =>
  new EventHubConsumerClient(consumerGroup, endpointConnectionString(hub, address), {
    retryOptions: { maxRetries: 1, timeoutInMs: TIMEOUT_SECONDS * 1_000 },
  });

/** `amqps://{host}:5671/{event hub}/$management`. */
const redirectOf = (error: AmqpError | Error | undefined): EndpointAddress | undefined => {
  if (error === undefined || !('condition' in error) || error.condition !== 'amqp:link:redirect') {
    return undefined;
  }
  // The names of the specification, OASIS AMQP 1.0, 2.8.17.
  const info = error.info as { hostname?: string; port?: number; address?: string } | undefined;
  const eventHub = /^amqps?:\/\/[^/]+\/([^/]+)/.exec(info?.address ?? '')?.[1];
  if (info?.hostname === undefined || eventHub === undefined) return undefined;
  const { name, port = info.port ?? AMQPS } = hostOf(info.hostname);
  return { hostName: port === AMQPS ? name : `${name}:${port}`, eventHub };
};

const withDeadline = async <T>(work: Promise<T>, hostName: string): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new HubFailure(0, 'timeout', `${hostName} over AMQP: no answer in ${TIMEOUT_SECONDS} s`)),
      TIMEOUT_SECONDS * 1_000,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
};
