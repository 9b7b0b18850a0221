import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Response } from 'express';
import { AppError, toProblem } from '@muster/contracts';
import { type Logger, type Trace } from '@muster/observability';

/** Every error leaves as problem+json (RFC 9457), with the trace it can be found by. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<Response>();
    const error = known(thrown);
    const trace = response.locals['trace'] as Trace | undefined; // set by `enterTrace`
    const problem = toProblem(error, trace?.traceId);
    if (problem.status === 500) {
      this.logger.error({ err: error, traceId: problem.traceId }, 'a request failed by a bug');
    }
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const seconds = retryAfter(error, problem.status);
    if (seconds !== undefined) response.setHeader('retry-after', String(seconds));
    response.status(problem.status).type('application/problem+json').send(JSON.stringify(problem));
  }
}

/** Nest's own exceptions: no route (404), a path that cannot be decoded (400). Anything else is a bug. */
const known = (thrown: unknown): unknown => {
  if (!(thrown instanceof HttpException)) return thrown;
  switch (thrown.getStatus()) {
    case 404:
      return new AppError('not-found', 'No such route.');
    case 400:
      return new AppError('invalid-request', 'The address cannot be read.');
    default:
      return thrown;
  }
};

/** Clients that wait must be told how long: RFC 9110 for 503, RFC 6585 for 429. */
const retryAfter = (error: unknown, status: number): number | undefined => {
  const told = error instanceof AppError ? error.retryAfterSeconds : undefined;
  return told ?? (status === 503 || status === 429 ? 1 : undefined);
};
