import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { createParamDecorator, SetMetadata, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { Request, RequestHandler, Response } from 'express';
import { AppError, type Actor } from '@muster/contracts';
import type { SessionView } from '@muster/contracts/identity/sessions.requests';
import { expectedVersionOf } from './if-match.js';

/** Who asks, and for which tenant. */
export interface Caller {
  readonly tenantId: string;
  readonly actor: Actor;
}

/** The caller's session, for one who signed in. */
export interface OwnSession {
  readonly view: SessionView;
  /** What is stored of it. */
  readonly digest: string;
}

/** `/api/v1/…` but for what documents it and where one signs in. */
const OPEN = /^\/api\/v1\/(openapi\.json|docs(\/|$))/;
const isSigningIn = (request: Request): boolean =>
  request.method === 'POST' && pathOf(request) === '/api/v1/sessions';

/** Whose connection is somebody's is not closed to make room for others. */
export const tellProved =
  (hasProved: ((socket: Socket) => void) | undefined): RequestHandler =>
  (request, response, next): void => {
    if (callerIn(response) !== undefined) hasProved?.(request.socket);
    next();
  };

/** Turns strangers away before their bodies are read. */
export const requireCaller: RequestHandler = (request, response, next): void => {
  if (needsCaller(request)) callerOf(response);
  next();
};

/** By the path alone. */
export const needsCaller = (request: Request): boolean =>
  /^\/api\/v1\//i.test(request.path) && !OPEN.test(request.path) && !isSigningIn(request);

const STRANGERS = Symbol('open to strangers');

/** For the route where one signs in. */
export const ForStrangers = (): MethodDecorator => SetMetadata(STRANGERS, true);

/** No other route without a caller, however its address was written: the check above goes by the path, this one does not. */
export class CallerGuard implements CanActivate {
  canActivate(context: ExecutionContext): true {
    if (Reflect.getMetadata(STRANGERS, context.getHandler()) !== true) {
      callerOf(context.switchToHttp().getResponse<Response>());
    }
    return true;
  }
}

/** Undefined: a stranger. */
export const callerIn = (response: Response): Caller | undefined =>
  response.locals['caller'] as Caller | undefined; // set by `identify` alone

/** Undefined: the caller has a key, or is a stranger. */
export const sessionIn = (response: Response): OwnSession | undefined =>
  response.locals['session'] as OwnSession | undefined; // set by `identify` alone

/** `/devices/` is `/devices`. */
export const pathOf = (request: Request): string => request.path.replace(/\/+$/, '');

const HOW_TO_ASK =
  'Send a valid API key as `x-api-key: <key>` or `Authorization: Bearer <key>`, or sign in: POST /api/v1/sessions.';

const callerOf = (response: Response): Caller => {
  const caller = callerIn(response);
  if (caller !== undefined) return caller;
  const refusal: unknown = response.locals['refusal'] ?? new AppError('unauthenticated', HOW_TO_ASK);
  if (refusal instanceof AppError && refusal.status === 401) response.setHeader('www-authenticate', 'Bearer');
  throw refusal;
};

/** Who asks, where neither a version nor an idempotency key plays a part. */
export const Who = createParamDecorator((_data: unknown, context: ExecutionContext): Caller =>
  callerOf(context.switchToHttp().getResponse<Response>()),
);

/** The session by which the caller is known; undefined for one who has a key. */
export const Signed = createParamDecorator(
  (_data: unknown, context: ExecutionContext): OwnSession | undefined =>
    sessionIn(context.switchToHttp().getResponse<Response>()),
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
