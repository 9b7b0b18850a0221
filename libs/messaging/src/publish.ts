import { JetStreamApiError } from '@nats-io/jetstream';
import { errors, InvalidArgumentError } from '@nats-io/transport-node';
import { AppError } from '@muster/contracts';
import type { Metrics } from '@muster/observability';
import { Acknowledgements, type Outgoing } from './acknowledgements.js';
import { backoffMs, pause } from './backoff.js';
import type { Link } from './link.js';

/** How long one message is tried. Long enough for a server that restarts. */
const DEADLINE_MS = 10_000;
/** How long one try waits for the server's acknowledgement. */
const TRY_MS = 2_000;

const STORED = { outcome: 'stored' };
const DUPLICATE = { outcome: 'duplicate' };

/**
 * Resolves when JetStream has stored the message. Tried again with the same id until the deadline, then `unavailable`;
 * a message the server will never take is `payload-too-large` or `internal`. `beforeRetry` runs between tries.
 */
export const publisher = ({
  link,
  metrics,
  beforeRetry,
}: {
  readonly link: Link;
  readonly metrics: Metrics;
  readonly beforeRetry: () => Promise<void>;
}) => {
  const acknowledgements = new Acknowledgements(link, TRY_MS);
  const outcomes = metrics.counter('muster_published_total', 'Messages given to JetStream', ['outcome']);

  return async (message: Outgoing, deadlineMs = DEADLINE_MS): Promise<void> => {
    const deadline = Date.now() + deadlineMs;
    for (let tries = 0; ; tries += 1) {
      try {
        const { duplicate } = await acknowledgements.publish(message);
        outcomes.inc(duplicate ? DUPLICATE : STORED);
        return;
      } catch (error) {
        const final = finalFault(message, error, link.stopping);
        const wait = backoffMs(tries, 50, 1_000);
        if (final !== undefined || Date.now() + wait >= deadline) {
          outcomes.inc({ outcome: 'failed' });
          throw (
            final ??
            new AppError('unavailable', 'The event could not be published in time.', {
              cause: error,
              retryAfterSeconds: 1,
            })
          );
        }
        await pause(wait, link.stopping);
        await beforeRetry();
      }
    }
  };
};

const finalFault = ({ subject }: Outgoing, error: unknown, stopping: AbortSignal): AppError | undefined => {
  if (error instanceof InvalidArgumentError && error.message.includes('max_payload')) {
    return new AppError('payload-too-large', `A message to ${subject} is larger than the bus takes.`, {
      cause: error,
    });
  }
  if (
    stopping.aborted ||
    error instanceof errors.ClosedConnectionError ||
    error instanceof errors.DrainingConnectionError
  ) {
    return new AppError('unavailable', 'This process is stopping.', { cause: error });
  }
  // 5xx of the JetStream API: no leader, no space, busy. 4xx: our message or stream is wrong, and stays so.
  if (error instanceof JetStreamApiError && error.status < 500) {
    return new AppError('internal', 'The event was refused.', { cause: error });
  }
  return undefined;
};
