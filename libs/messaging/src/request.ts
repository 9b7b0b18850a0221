import {
  errors,
  InvalidArgumentError,
  nuid,
  RequestError,
  TimeoutError,
  type Msg,
} from '@nats-io/transport-node';
import { AppError, isErrorCode, type FieldError, type RequestContract } from '@muster/contracts';
import { continueTrace, currentTrace, type Logger, type Metrics } from '@muster/observability';
import { backoffMs, pause } from './backoff.js';
import { currentDeadline } from './deadline.js';
import { HEADER, headerOf, headersOf } from './headers.js';
import { invalidFields } from './invalid-fields.js';
import { LinkLost, type Link } from './link.js';

export interface RequestOptions {
  /** Default 2,000. Inside a handler never longer than what is left of its own request. */
  readonly timeoutMs?: number;
}

export interface RequestParts {
  readonly link: Link;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Nobody was there to take the request, or to give the answer: the only fault that may be repeated. */
class NotReached extends Error {
  override readonly name = 'NotReached';
}

/** Somebody took the request, and nobody serves such any more: killed, or stopping, and then `answer` may still come. */
class TakenAway extends NotReached {
  constructor(
    message: string,
    readonly answer: Promise<Msg>,
  ) {
    super(message);
  }
}

/** Without a reason of ours an error would be made, with a stack, for every request. */
const SETTLED = 'settled';

/** How often it is looked whether anybody is still there, while a request that may be repeated is not answered. */
const LOOK_EVERY_MS = 500;

export const requester = ({ link, logger, metrics }: RequestParts) => {
  const seconds = metrics.histogram('muster_request_seconds', 'Requests made, until the answer', [
    'subject',
    'code',
  ]);

  const once = async <Reply extends object>(
    contract: RequestContract<object, Reply>,
    { payload, deadline, id }: { payload: string; deadline: number; id: string },
  ): Promise<Reply> => {
    await link.endOfTurn();
    const left = deadline - Date.now();
    if (left < 1) throw new AppError('deadline-exceeded', `No time was left to ask ${shortOf(contract)}.`);
    if (link.stopping.aborted) throw stopping();
    // While away, the client library would keep the request and send it later, when nobody waits any more.
    if (!link.isConnected()) throw new NotReached('not connected to NATS');
    const settled = new AbortController();
    try {
      const answer = link.during(
        link.connection.request(contract.subject, payload, {
          timeout: left,
          headers: headersOf({
            [HEADER.traceparent]: continueTrace(currentTrace()?.traceparent).traceparent,
            [HEADER.deadline]: String(deadline),
            [HEADER.requestId]: id,
          }),
        }),
      );
      const message = await (contract.idempotent && left > LOOK_EVERY_MS
        ? Promise.race([answer, takenAway(contract, answer, settled.signal)])
        : answer);
      return replyOf(contract, message, logger);
    } catch (error) {
      throw faultOf(contract, error, left);
    } finally {
      settled.abort(SETTLED);
    }
  };

  /**
   * Rejects when nobody serves the subject any more: without this, whoever asked a process that was killed would hear of it
   * at the deadline. What is asked has a deadline that has passed, so that whoever is there drops it without a word, and only
   * the server answers where nobody is. It costs nobody any work; with several replicas, the others hide the loss of one.
   */
  const takenAway = async (
    contract: RequestContract<object, object>,
    answer: Promise<Msg>,
    settled: AbortSignal,
  ): Promise<never> => {
    for (;;) {
      await pause(LOOK_EVERY_MS, settled);
      if (settled.aborted) return new Promise<never>(() => undefined);
      try {
        const headers = headersOf({ [HEADER.deadline]: '0' });
        await link.connection.request(contract.subject, '', { timeout: LOOK_EVERY_MS, headers });
      } catch (error) {
        if (!(error instanceof RequestError && error.isNoResponders())) continue;
        // Its rejection is met where it is waited for, or by nobody.
        answer.catch(() => undefined);
        logger.warn({ subject: contract.subject }, 'who had a request is gone: it is asked again');
        throw new TakenAway('who had it is gone', answer);
      }
    }
  };

  return async <Request extends object, Reply extends object>(
    contract: RequestContract<Request, Reply>,
    body: Request,
    { timeoutMs = 2_000 }: RequestOptions = {},
  ): Promise<Reply> => {
    const deadline = Math.min(Date.now() + timeoutMs, currentDeadline() ?? Number.POSITIVE_INFINITY);
    const measured = seconds.startTimer({ subject: contract.subject });
    try {
      const payload = JSON.stringify(body);
      refuseTooLarge(link, contract, payload);
      const id = nuid.next();
      const reply = await repeated(contract, deadline, link.stopping, {
        attempt: () => once(contract, { payload, deadline, id }),
        read: (message) => replyOf(contract, message, logger),
      });
      measured({ code: 'ok' });
      return reply;
    } catch (error) {
      measured({ code: error instanceof AppError ? error.code : 'internal' });
      throw error;
    }
  };
};

/** Idempotent requests that reached nobody are repeated until the deadline: a service that restarts is not noticed. */
const repeated = async <T>(
  contract: RequestContract<object, object>,
  deadline: number,
  stopping: AbortSignal,
  { attempt, read }: { readonly attempt: () => Promise<T>; readonly read: (message: Msg) => T },
): Promise<T> => {
  /** Of whoever had it and is finishing what was begun. */
  const late: Promise<T>[] = [];
  for (let tries = 0; ; tries += 1) {
    try {
      return await Promise.race([...late, attempt()]);
    } catch (error) {
      if (!(error instanceof NotReached)) throw error;
      if (error instanceof TakenAway) {
        late.push(error.answer.then(read, () => new Promise<never>(() => undefined)));
      }
      // The last try comes shortly before the deadline, not at the last full pause before it.
      const wait = Math.min(backoffMs(tries, 25, 500), deadline - Date.now() - 20);
      if (contract.idempotent && wait > 0) await pause(wait, stopping);
      // Not a try without time, where we were woken late: what is known is that nobody was reached, not that somebody is slow.
      if (!contract.idempotent || wait <= 0 || Date.now() >= deadline) {
        throw new AppError('unavailable', `${shortOf(contract)} cannot be asked right now.`, {
          cause: error,
          retryAfterSeconds: 1,
        });
      }
    }
  }
};

const refuseTooLarge = (link: Link, contract: RequestContract<object, object>, payload: string): void => {
  const most = (link.connection.info?.max_payload ?? Number.POSITIVE_INFINITY) - HEADER_ALLOWANCE;
  const size = Buffer.byteLength(payload);
  if (size <= most) return;
  throw new AppError(
    'payload-too-large',
    `A request to ${shortOf(contract)} of ${size} bytes; at most ${most} bytes fit.`,
  );
};

/** Room for our headers within the server's `max_payload`. */
const HEADER_ALLOWANCE = 1_024;

/** What nats-core says to whoever waits for an answer while it closes; it has no class for that. */
const CLOSED = 'connection closed';

const stopping = (cause?: unknown): AppError =>
  new AppError('unavailable', 'This process is stopping.', { cause });

const faultOf = (contract: RequestContract<object, object>, error: unknown, waitedMs: number): unknown => {
  if (error instanceof AppError) return error;
  if (error instanceof TimeoutError) {
    return new AppError('deadline-exceeded', `${shortOf(contract)} did not answer within ${waitedMs} ms.`, {
      cause: error,
    });
  }
  if (error instanceof LinkLost || (error instanceof RequestError && error.isNoResponders())) {
    return new NotReached(error.message);
  }
  const wasClosed = error instanceof RequestError && error.message === CLOSED;
  if (
    wasClosed ||
    error instanceof errors.ClosedConnectionError ||
    error instanceof errors.DrainingConnectionError
  ) {
    return stopping(error);
  }
  if (error instanceof InvalidArgumentError && error.message.includes('max_payload')) {
    return new AppError('payload-too-large', `The request to ${shortOf(contract)} is too large.`);
  }
  return error;
};

/** `device-registry.device.get` */
const shortOf = (contract: RequestContract<object, object>): string =>
  contract.subject.replace('muster.v1.service.', '');

const replyOf = <Reply extends object>(
  contract: RequestContract<object, Reply>,
  message: Msg,
  logger: Logger,
): Reply => {
  const failed = headerOf(message.headers, HEADER.errorCode) !== undefined;
  const body = parsed(message);
  if (failed) throw answeredError(body, headerOf(message.headers, HEADER.retryAfter));
  const faults = body === undefined ? NOT_JSON : invalidFields(contract.reply, body, 'ignore');
  if (faults.length === 0) return body as Reply; // the line above checked it
  logger.error({ subject: contract.subject, faults }, 'the answer breaks its contract');
  throw new AppError('internal', `The answer of ${shortOf(contract)} was not understood.`);
};

const NOT_JSON: readonly FieldError[] = [{ path: '', message: 'is not JSON' }];

const parsed = (message: Msg): unknown => {
  try {
    return JSON.parse(message.string());
  } catch {
    return undefined;
  }
};

const answeredError = (body: unknown, retryAfter: string | undefined): AppError => {
  const problem = (typeof body === 'object' && body !== null ? body : {}) as Partial<
    Record<'code' | 'detail' | 'errors', unknown>
  >;
  const { code, detail, errors: fields } = problem;
  const seconds = Number(retryAfter);
  return new AppError(
    typeof code === 'string' && isErrorCode(code) ? code : 'internal',
    typeof detail === 'string' ? detail : 'The answer was an error without a text.',
    {
      ...(Array.isArray(fields) ? { errors: fields.filter(isFieldError) } : {}),
      ...(seconds > 0 ? { retryAfterSeconds: seconds } : {}),
    },
  );
};

const isFieldError = (value: unknown): value is FieldError =>
  typeof value === 'object' &&
  value !== null &&
  'path' in value &&
  typeof value.path === 'string' &&
  'message' in value &&
  typeof value.message === 'string';
