import { CbsClient, TokenType } from '@azure/core-amqp';
import { EventHubConsumerClient } from '@azure/event-hubs';
import type { HubEndpoint } from '@muster/contracts/iothub-adapter/hubs.requests';
import { Connection, ReceiverEvents, type AmqpError, type EventContext } from 'rhea-promise';
import type { PolicyAccess } from '../hub/connection-string.js';
import { HubFailure, hostOf } from './hub-rest.js';
import { sasToken } from './sas.js';

/** Where the events of a hub are read. */
export interface EndpointAddress {
  /** With a port, where it is not the usual one. */
  readonly hostName: string;
  readonly eventHub: string;
}

const AMQPS = 5671;
const TOKEN_SECONDS = 300;
const TIMEOUT_SECONDS = 20;

/**
 * Asks a hub for its Event Hubs-compatible endpoint: it answers who would read `messages/events` with `amqp:link:redirect`.
 * Needs the right ServiceConnect. Throws `HubFailure`, 401 where the hub lets us not in.
 */
export const findEndpoint = async (hub: PolicyAccess): Promise<EndpointAddress> => {
  const { hostName, policy, key } = hub;
  const { name: host, port = AMQPS } = hostOf(hostName);
  const until = Math.floor(Date.now() / 1_000) + TOKEN_SECONDS;
  const connection = new Connection({
    transport: 'tls',
    host,
    hostname: host,
    servername: host,
    port,
    // Without a password: SASL ANONYMOUS, and what lets us in is the token.
    username: policy,
    reconnect: false,
    operationTimeoutInSeconds: TIMEOUT_SECONDS,
  });
  try {
    await connection.open();
    await showToken(connection, host, sasToken({ resource: host, policy, key, until }));
    const redirected = new Promise<EndpointAddress>((resolve, reject) => {
      const judge = (error: AmqpError | Error | undefined): void => {
        const address = redirectOf(error);
        if (address === undefined) reject(failureOf(hostName, error));
        else resolve(address);
      };
      connection
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
    throw failureOf(hostName, error);
  } finally {
    // Whatever became of the question: nobody waits for a farewell of a hub that is away.
    void connection.close().catch(() => undefined);
  }
};

/** By claims-based security, as IoT Hub wants it: an exchange at the node `$cbs`. */
const showToken = async (connection: Connection, host: string, token: string): Promise<void> => {
  const claims = new CbsClient(connection, 'cbs of the endpoint');
  await claims.init();
  await claims.negotiateClaim(host, token, TokenType.CbsTokenTypeSas);
  await claims.close();
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

const failureOf = (hostName: string, error: unknown): HubFailure => {
  if (error instanceof HubFailure) return error;
  const { condition, code, description, message } = (error ?? {}) as {
    condition?: string;
    code?: string;
    description?: string;
    message?: string;
  };
  const reason = condition ?? code ?? 'unknown';
  const said = description ?? message ?? 'it has closed the connection';
  const isRefused = reason === 'amqp:unauthorized-access' || /sasl|auth/i.test(`${reason} ${said}`);
  return new HubFailure(isRefused ? 401 : 0, reason, `${hostName} over AMQP: ${said}`, undefined, {
    cause: error,
  });
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
