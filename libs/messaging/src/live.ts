import type { Msg } from '@nats-io/transport-node';
import { AppError, type PublishedContract } from '@muster/contracts';
import type { Logger } from '@muster/observability';
import { partsOf, type Bus } from './bus.js';
import { decodeEvent } from './decode-event.js';
import type { Delivered } from './handles.js';

export interface LiveOptions {
  readonly events: readonly PublishedContract<object>[];
  readonly tenantId: string;
  /** Events of this entity only. */
  readonly entityId: string;
  readonly logger: Logger;
  /** Must not throw, must not take long. */
  readonly onEvent: (event: Delivered) => void;
}

export interface LiveSubscription {
  /** No event comes any more. Safe to call twice. */
  stop(): void;
}

/**
 * The events of one entity as they are published, for somebody who waits for one: a plain subscription, which costs the
 * server nothing to keep, unlike a consumer. When it resolves the server knows of it, so what is caused after that is not
 * missed, unless the connection is lost meanwhile: whoever waits must read the state anew at its deadline.
 * Throws `unavailable` when the server is away.
 */
export const subscribeLive = async (
  bus: Bus,
  { events, tenantId, entityId, logger, onEvent }: LiveOptions,
): Promise<LiveSubscription> => {
  const { link } = partsOf(bus);
  const take = (error: Error | null, message: Msg): void => {
    if (error !== null) {
      logger.error({ err: error }, 'not allowed to listen to events');
      return;
    }
    const decoded = decodeEvent({ ...NOT_FROM_A_STREAM, ...partsOfMessage(message) }, events);
    if (decoded.kind === 'event') onEvent(decoded.event);
    else if (decoded.kind === 'bad') {
      logger.error({ subject: message.subject, reason: decoded.reason }, 'an event cannot be read');
    }
  };
  const subscriptions = events.map((contract) =>
    link.connection.subscribe(contract.subject(tenantId, entityId), { callback: take }),
  );
  const stop = (): void => {
    for (const subscription of subscriptions) {
      if (!subscription.isClosed()) subscription.unsubscribe();
    }
  };
  try {
    await link.during(link.connection.flush());
  } catch (error) {
    stop();
    throw new AppError('unavailable', 'Events cannot be followed right now.', {
      cause: error,
      retryAfterSeconds: 1,
    });
  }
  return { stop };
};

/** A live message has no place in a stream; its id and time are in its headers. */
const NOT_FROM_A_STREAM = { seq: 0, timestamp: '', info: { stream: 'live', deliveryCount: 1 } };

const partsOfMessage = (message: Msg) => ({
  subject: message.subject,
  headers: message.headers,
  string: () => message.string(),
});
