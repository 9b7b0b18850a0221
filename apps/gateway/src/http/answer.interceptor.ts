import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { Response, Request } from 'express';
import { map, type Observable } from 'rxjs';
import { answerRulesOf } from './answer-rules.js';
import { refuse } from './body.js';
import { pathOf } from './caller.js';
import { etagOf } from './if-match.js';

/** Sets what an answer needs besides its body: `ETag`, `Location`, `Cache-Control`. */
export class AnswerInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> {
    const rules = answerRulesOf(context.getHandler());
    const http = context.switchToHttp();
    if (rules?.takesQuery !== true) refuseQuery(http.getRequest<Request>().query);
    if (rules?.takesBody !== true) refuseBody(http.getRequest<Request>().body);
    // Before it: who sends a list or a file by itself has sent it when its handler ends.
    if (rules?.secret === true) http.getResponse<Response>().setHeader('cache-control', 'no-store');
    return next.handle().pipe(
      map((answer) => {
        const response = http.getResponse<Response>();
        // Where `version` is a name of the entity's own, as of a firmware, ours is `revision`.
        const version = fieldOf(answer, 'revision') ?? fieldOf(answer, 'version');
        if (typeof version === 'number') response.setHeader('etag', etagOf(version));
        if (rules?.location !== undefined) {
          const id = fieldOf(answer, 'id') ?? fieldOf(answer, 'jobId');
          const place = rules.location(pathOf(http.getRequest<Request>()), String(id));
          if (id != null) response.setHeader('location', place);
        }
        return response.statusCode === 204 ? undefined : answer;
      }),
    );
  }
}

const refuseQuery = (query: object): void =>
  refuse(
    Object.keys(query).map((path) => ({ path, message: 'is not a known query parameter' })),
    'The query',
  );

const refuseBody = (body: unknown): void => {
  if (body === undefined || (isObject(body) && Object.keys(body).length === 0)) return;
  const message = 'must not be given: nothing of it would be looked at here';
  const paths = isObject(body) ? Object.keys(body) : [];
  if (paths.length === 0) refuse([{ path: '', message }], 'The body');
  refuse(
    paths.map((path) => ({ path, message: 'is not a known field' })),
    'The body',
  );
};

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const fieldOf = (answer: unknown, name: string): unknown =>
  typeof answer === 'object' && answer !== null
    ? (answer as Readonly<Record<string, unknown>>)[name] // answers are JSON objects
    : undefined;
