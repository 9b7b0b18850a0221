import { CbsClient, TokenType } from '@azure/core-amqp';
import { Connection } from 'rhea-promise';
import type { PolicyAccess } from '../hub/connection-string.js';
import { HubFailure, hostOf } from './hub-rest.js';
import { sasToken, SIGNED_SECONDS } from './sas.js';

const AMQPS = 5671;
export const TIMEOUT_SECONDS = 20;
/** The client would wait for a minute. */
const WITHIN = { timeoutInMs: TIMEOUT_SECONDS * 1_000 };

/**
 * A connection to a hub over AMQP, let in for an hour by the right ServiceConnect; it is not renewed. Whoever opens it closes it.
 * Throws what rhea does; see `amqpFailure`.
 */
export const openConnection = async ({ hostName, policy, key }: PolicyAccess): Promise<Connection> => {
  const { name: host, port = AMQPS } = hostOf(hostName);
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
    const until = Math.floor(Date.now() / 1_000) + SIGNED_SECONDS;
    // By claims-based security, as IoT Hub wants it: an exchange at the node `$cbs`.
    const claims = new CbsClient(connection, 'cbs of the hub');
    await claims.init(WITHIN);
    const token = sasToken({ resource: host, policy, key, until });
    await claims.negotiateClaim(host, token, TokenType.CbsTokenTypeSas, WITHIN);
    await claims.close();
    return connection;
  } catch (error) {
    leave(connection);
    throw error;
  }
};

/** Nobody waits for a farewell of a hub that is away. */
export const leave = (connection: Connection): void => {
  void connection.close().catch(() => undefined);
};

/** What a hub has said over AMQP, 401 where it lets us not in, and 0 where nothing is known. */
export const amqpFailure = (hostName: string, error: unknown): HubFailure => {
  if (error instanceof HubFailure) return error;
  const { innerError } = (error ?? {}) as { innerError?: unknown };
  const { condition, code, description, message } = (innerError ?? error ?? {}) as {
    condition?: string;
    code?: string;
    description?: string;
    message?: string;
  };
  const reason = condition ?? code ?? 'unknown';
  const said = description ?? message ?? 'it has closed the connection';
  const isRefused = reason === 'amqp:unauthorized-access' || /sasl|auth/i.test(`${reason} ${said}`);
  const status = isRefused ? 401 : (STATUS[reason] ?? 0);
  return new HubFailure(status, reason, `${hostName} over AMQP: ${said}`, undefined, { cause: error });
};

/** Of the REST API, with the same meaning. */
const STATUS: Readonly<Record<string, number>> = {
  'amqp:not-found': 404,
  'amqp:link:message-size-exceeded': 413,
  // Too many messages wait for the device: passes.
  'amqp:resource-limit-exceeded': 503,
  'com.microsoft:device-container-throttled': 429,
  'com.microsoft:server-busy': 429,
};
