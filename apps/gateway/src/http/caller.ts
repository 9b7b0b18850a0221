import { createHash, timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import { createParamDecorator, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { Request, RequestHandler, Response } from 'express';
import { AppError, DEFAULT_TENANT, type Actor } from '@muster/contracts';
import { expectedVersionOf } from './if-match.js';

/** Who asks, and for which tenant. */
export interface Caller {
  readonly tenantId: string;
  readonly actor: Actor;
}

/** `/api/v1/…` but for what documents it. */
const OPEN = /^\/api\/v1\/(openapi\.json|docs(\/|$))/;

/** Knows who has the local admin's key, by `x-api-key` or `Authorization: Bearer`. Refuses nobody yet. */
export const identify = (adminApiKey: string): RequestHandler => {
  const admin: Caller = { tenantId: DEFAULT_TENANT, actor: { kind: 'api-key', id: 'local-admin' } };
  const expected = digest(adminApiKey);
  return (request, response, next): void => {
    const given = keyOf(request);
    // Digests have one length, so neither the length nor a common prefix of the key can be told from the time taken.
    if (given !== undefined && timingSafeEqual(digest(given), expected)) response.locals['caller'] = admin;
    next();
  };
};

/** Whose connection is somebody's is not closed to make room for others. */
export const tellProved =
  (hasProved: ((socket: Socket) => void) | undefined): RequestHandler =>
  (request, response, next): void => {
    if (callerIn(response) !== undefined) hasProved?.(request.socket);
    next();
  };

/** Turns strangers away before their bodies are read. */
export const requireCaller: RequestHandler = (request, response, next): void => {
  if (/^\/api\/v1\//i.test(request.path) && !OPEN.test(request.path)) callerOf(response);
  next();
};

/** No route without a caller, however its address was written: the check above goes by the path, this one does not. */
export class CallerGuard implements CanActivate {
  canActivate(context: ExecutionContext): true {
    callerOf(context.switchToHttp().getResponse<Response>());
    return true;
  }
}

/** Undefined: a stranger. */
export const callerIn = (response: Response): Caller | undefined =>
  response.locals['caller'] as Caller | undefined; // set by `identify` alone

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** `/devices/` is `/devices`. */
export const pathOf = (request: Request): string => request.path.replace(/\/+$/, '');

const keyOf = (request: Request): string | undefined => {
  const key = request.get('x-api-key');
  if (key !== undefined) return key;
  return /^Bearer +(\S+)$/i.exec(request.get('authorization') ?? '')?.[1];
};

const callerOf = (response: Response): Caller => {
  const caller = callerIn(response);
  if (caller !== undefined) return caller;
  response.setHeader('www-authenticate', 'Bearer');
  throw new AppError(
    'unauthenticated',
    'Send a valid API key as `x-api-key: <key>` or `Authorization: Bearer <key>`.',
  );
};

/** Who asks, where neither a version nor an idempotency key plays a part. */
export const Who = createParamDecorator((_data: unknown, context: ExecutionContext): Caller =>
  callerOf(context.switchToHttp().getResponse<Response>()),
);

/** What a request that only reads carries. */
export const Reading = createParamDecorator(
  (_data: unknown, context: ExecutionContext): { tenantId: string } => {
    const { tenantId } = callerOf(context.switchToHttp().getResponse<Response>());
    return { tenantId };
  },
);

/** What a request that changes something carries; `If-Match` becomes the version the caller has seen. */
export const Changing = createParamDecorator(
  (_data: unknown, context: ExecutionContext): Caller & { expectedVersion?: number } => {
    const http = context.switchToHttp();
    const expectedVersion = expectedVersionOf(http.getRequest<Request>().get('if-match'));
    return {
      ...callerOf(http.getResponse<Response>()),
      ...(expectedVersion === undefined ? {} : { expectedVersion }),
    };
  },
);

/** What a request that creates something carries. */
export const Creating = createParamDecorator(
  (_data: unknown, context: ExecutionContext): Caller & { idempotencyKey?: string } => {
    const http = context.switchToHttp();
    const request = http.getRequest<Request>();
    const caller = callerOf(http.getResponse<Response>());
    const key = request.get('idempotency-key');
    if (key === undefined) return caller;
    if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
      throw new AppError('invalid-request', 'Idempotency-Key must be 1 to 255 visible ASCII characters.', {
        errors: [{ path: 'Idempotency-Key', message: 'must be 1 to 255 visible ASCII characters' }],
      });
    }
    // The services keep keys per tenant: one caller's key on one route must not meet the same key elsewhere.
    const scope = [caller.actor.kind, caller.actor.id, request.method, pathOf(request), key].join('\n');
    return { ...caller, idempotencyKey: createHash('sha256').update(scope).digest('hex') };
  },
);
