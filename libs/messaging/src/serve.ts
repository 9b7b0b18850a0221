import type { Msg, Subscription } from '@nats-io/transport-node';
import { AppError, toProblem, type ErrorCode, type RequestContract } from '@muster/contracts';
import { continueTrace, currentTrace, withTrace, type Logger, type Metrics } from '@muster/observability';
import { withDeadline } from './deadline.js';
import { HEADER, headerOf, headersOf } from './headers.js';
import { idsIn } from './ids-in.js';
import { invalidFields, withoutNulls } from './invalid-fields.js';
import type { Link } from './link.js';
import { RecentAnswers, type Answer } from './recent-answers.js';

export interface ServeOptions {
  readonly link: Link;
  /** Also the queue group: one replica answers each request. */
  readonly service: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Requests worked on at the same time; as many again times four wait, more are answered `unavailable`. */
  readonly concurrency: number;
}

/** What every contract may answer besides its own errors. */
const UNIVERSAL: readonly ErrorCode[] = ['invalid-request', 'unavailable', 'deadline-exceeded', 'internal'];

type Handler = (request: unknown) => Promise<unknown>;

/** Answers requests: plain JSON in and out, errors as headers and problem+json. */
export class RequestListener {
  private readonly subscriptions: Subscription[] = [];
  private readonly waiting: (() => void)[] = [];
  private active = 0;
  private readonly idle = new Set<() => void>();
  private readonly recent = new RecentAnswers();
  private readonly outcomes;
  private readonly seconds;

  constructor(private readonly options: ServeOptions) {
    const { metrics } = options;
    this.outcomes = metrics.counter('muster_answers_total', 'Requests answered', ['subject', 'code']);
    this.seconds = metrics.histogram('muster_answer_seconds', 'From the arrival of a request to its answer', [
      'subject',
    ]);
  }

  serve(contract: RequestContract<object, object>, handler: Handler): void {
    const { link, service } = this.options;
    this.subscriptions.push(
      link.connection.subscribe(contract.subject, {
        queue: service,
        callback: (error, message) => {
          if (error !== null) {
            this.options.logger.error(
              { err: error, subject: contract.subject },
              'not allowed to serve a subject',
            );
            return;
          }
          this.take(contract, handler, message);
        },
      }),
    );
  }

  /** Takes nothing new; resolves when everything begun is answered. */
  async stop(): Promise<void> {
    const open = this.subscriptions.filter((subscription) => !subscription.isClosed());
    await Promise.all(open.map((subscription) => subscription.drain().catch(() => undefined)));
    if (this.active > 0) await new Promise<void>((resolve) => this.idle.add(resolve));
  }

  private take(contract: RequestContract<object, object>, handler: Handler, message: Msg): void {
    const { concurrency } = this.options;
    // What comes late is not worth a place: neither a request that nobody waits for nor a look whether somebody serves it.
    if (this.isLate(contract, message)) return;
    const work = (): void => {
      this.active += 1;
      void this.answer(contract, handler, message).finally(() => {
        this.active -= 1;
        this.waiting.shift()?.();
        if (this.active === 0) for (const resolve of this.idle) resolve();
      });
    };
    if (this.active < concurrency) {
      work();
      return;
    }
    if (this.waiting.length < concurrency * 4) {
      this.waiting.push(work);
      return;
    }
    const busy = new AppError('unavailable', 'Too much to do at once.', { retryAfterSeconds: 1 });
    this.send(contract, message, this.refusal(contract, busy));
  }

  /** Nobody reads the answer any more; to work on it would only make the next requests late as well. */
  private isLate(contract: RequestContract<object, object>, message: Msg): boolean {
    const deadline = deadlineOf(message);
    if (deadline === undefined || Date.now() < deadline) return false;
    this.outcomes.inc({ subject: contract.subject, code: 'dropped' });
    return true;
  }

  private answer(contract: RequestContract<object, object>, handler: Handler, message: Msg): Promise<void> {
    if (this.isLate(contract, message)) return Promise.resolve();
    const deadline = deadlineOf(message);
    const trace = continueTrace(headerOf(message.headers, HEADER.traceparent));
    const work = (): Promise<Answer> =>
      withTrace(trace, () => withDeadline(deadline, () => this.work(contract, handler, message)));
    const id = headerOf(message.headers, HEADER.requestId);
    const answer =
      id === undefined || deadline === undefined
        ? work()
        : this.recent.once(`${contract.subject} ${id}`, deadline, work);
    return answer.then((told) => this.send(contract, message, told));
  }

  /** Never rejects: an error is an answer as well. */
  private async work(
    contract: RequestContract<object, object>,
    handler: Handler,
    message: Msg,
  ): Promise<Answer> {
    const measured = this.seconds.startTimer({ subject: contract.subject });
    try {
      const request = requestOf(contract, message);
      const payload = JSON.stringify((await handler(request)) ?? {});
      const size = Buffer.byteLength(payload);
      const most = this.options.link.connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
      if (size > most)
        throw new Error(`the reply of ${contract.subject} has ${size} bytes, the bus takes ${most}`);
      this.outcomes.inc({ subject: contract.subject, code: 'ok' });
      this.tell(contract, request);
      return { payload };
    } catch (error) {
      return this.refusal(contract, error);
    } finally {
      measured();
    }
  }

  /** With the trace of whoever asked: so a message is followed from its door to the table. */
  private tell({ subject }: RequestContract<object, object>, request: object): void {
    const { logger } = this.options;
    if (logger.isLevelEnabled('debug')) logger.debug({ subject, ...idsIn(request) }, 'a request was done');
  }

  private refusal(contract: RequestContract<object, object>, error: unknown): Answer {
    const told = declared(contract, error);
    const problem = toProblem(told, currentTrace()?.traceId);
    this.outcomes.inc({ subject: contract.subject, code: problem.code });
    log(this.options.logger, contract, told, error);
    return {
      payload: JSON.stringify(problem),
      headers: {
        [HEADER.errorCode]: String(problem.status),
        [HEADER.error]: `${problem.code}: ${problem.detail}`,
        [HEADER.contentType]: 'application/problem+json',
        [HEADER.retryAfter]:
          told instanceof AppError && told.retryAfterSeconds !== undefined
            ? String(told.retryAfterSeconds)
            : undefined,
      },
    };
  }

  /** Never throws: it runs where nobody listens. */
  private send(contract: RequestContract<object, object>, message: Msg, { payload, headers }: Answer): void {
    try {
      message.respond(payload, headers === undefined ? {} : { headers: headersOf(headers) });
    } catch (failure) {
      this.options.logger.warn(
        { err: failure, subject: contract.subject },
        'a request could not be answered',
      );
    }
  }
}

/** A code the contract does not name is our bug, and leaves as one. */
const declared = (contract: RequestContract<object, object>, error: unknown): unknown =>
  error instanceof AppError && !contract.errors.includes(error.code) && !UNIVERSAL.includes(error.code)
    ? new Error(`${contract.subject} answers ${error.code}, which its contract does not name`, {
        cause: error,
      })
    : error;

/** The table of faults in the house style: whose fault it is decides how loud it is. */
const log = (
  logger: Logger,
  contract: RequestContract<object, object>,
  told: unknown,
  error: unknown,
): void => {
  const { subject } = contract;
  if (!(told instanceof AppError) || told.code === 'internal') {
    logger.error(
      { err: told, subject, cause: told === error ? undefined : String(error) },
      'a request failed by a bug',
    );
  } else if (told.status >= 500) logger.warn({ err: told, subject }, 'a request could not be answered');
  else if (told.code === 'concurrent-change' || told.code === 'version-mismatch') {
    logger.debug({ subject, code: told.code }, told.detail);
  } else logger.info({ subject, code: told.code }, told.detail);
};

const deadlineOf = (message: Msg): number | undefined => {
  const text = headerOf(message.headers, HEADER.deadline);
  const value = text === undefined ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
};

const requestOf = (contract: RequestContract<object, object>, message: Msg): object => {
  let body: unknown;
  try {
    body = JSON.parse(message.string());
  } catch (error) {
    throw new AppError('invalid-request', 'The body is not JSON.', { cause: error });
  }
  const faults = invalidFields(contract.request, body, 'refuse');
  if (faults.length === 0) return withoutNulls(contract.request, body as object); // the line above checked it
  const [first] = faults;
  throw new AppError(
    'invalid-request',
    `${first?.path === '' ? 'The body' : first?.path} ${first?.message}`,
    {
      errors: faults,
    },
  );
};
