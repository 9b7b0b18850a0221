import type { RequestHandler } from 'express';
import {
  continueTrace,
  withTrace,
  type Logger,
  type Metrics,
  type OpsHandler,
  type Trace,
} from '@muster/observability';
import { PAGE_POLICY } from '../console/serve-console.js';
import { callerIn } from './caller.js';

/** Continues the caller's trace, or begins one. The rest of the request runs inside. */
export const enterTrace: RequestHandler = (request, response, next): void => {
  const trace = continueTrace(request.get('traceparent'));
  response.locals['trace'] = trace;
  withTrace(trace, () => next());
};

/** With the trace that all that follows from the request is logged with. Without the query: it may hold a filter's values. */
export const logRequests =
  (logger: Logger): RequestHandler =>
  (request, response, next): void => {
    if (logger.isLevelEnabled('debug')) {
      const { traceId } = response.locals['trace'] as Trace; // set by `enterTrace` before
      response.once('finish', () => {
        const { method, path } = request;
        const actor = callerIn(response)?.actor;
        logger.debug({ traceId, method, path, status: response.statusCode, actor }, 'a request was answered');
      });
    }
    next();
  };

/** Answers hold no pages to be framed, no scripts to be run, and are nobody's else to keep. */
export const secureHeaders: RequestHandler = (_request, response, next): void => {
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('x-frame-options', 'DENY');
  response.setHeader('referrer-policy', 'no-referrer');
  response.setHeader('cross-origin-resource-policy', 'same-origin');
  response.setHeader('content-security-policy', "default-src 'none'; frame-ancestors 'none'");
  // An ETag is the version that an edit is made upon. What else an answer holds may change while it stays, as the status of a
  // campaign: a browser that asked whether its copy is still good would be told that it is.
  response.setHeader('cache-control', 'no-store');
  next();
};

/** The documentation is a page with scripts and styles, all from here. */
export const documentationHeaders: RequestHandler = (_request, response, next): void => {
  response.setHeader('content-security-policy', PAGE_POLICY);
  next();
};

export const operations =
  (handle: OpsHandler): RequestHandler =>
  (request, response, next): void => {
    if (!handle(request, response)) next();
  };

/** By route, not by address: ids would make a series each. */
export const measure = (metrics: Metrics): RequestHandler => {
  const seconds = metrics.histogram('muster_http_request_seconds', 'REST requests', [
    'method',
    'route',
    'status',
  ]);
  return (request, response, next): void => {
    const measured = seconds.startTimer();
    response.once('finish', () => {
      const route: unknown = request.route;
      const path =
        typeof route === 'object' && route !== null && 'path' in route ? String(route.path) : 'none';
      measured({ method: request.method, route: path, status: String(response.statusCode) });
    });
    next();
  };
};
