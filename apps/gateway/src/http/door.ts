import { createHash, timingSafeEqual } from 'node:crypto';
import type { Request, RequestHandler, Response } from 'express';
import { AppError, DEFAULT_TENANT } from '@muster/contracts';
import { useSession, type SessionView } from '@muster/contracts/identity/sessions.requests';
import { clientAddress, type GuessLimit } from '@muster/limits';
import type { Asking } from '../providers.js';
import { needsCaller, type Caller, type OwnSession } from './caller.js';
import { isOwnOrigin, type OwnAddress } from './own-address.js';
import { clearSession, digestOf, sessionTextIn } from './session-cookie.js';

/** What callers are known by. */
export interface Door {
  readonly adminApiKey: string;
  readonly asking: Asking;
  readonly guesses: GuessLimit;
  readonly own: OwnAddress;
}

const SAFE_METHODS: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];

/**
 * Finds out who asks: who has the local admin's key, by `x-api-key` or `Authorization: Bearer`, or a session, by its cookie. A
 * key counts alone, even a wrong one. Refuses nobody yet; who cannot be known is told why where a caller is needed.
 */
export const identify =
  (door: Door): RequestHandler =>
  async (request, response, next): Promise<void> => {
    try {
      const key = keyOf(request);
      if (key !== undefined) identifyKey(door, key, request, response);
      else if (needsCaller(request)) await identifySession(door, request, response);
    } catch (refusal) {
      response.locals['refusal'] = refusal;
    }
    next();
  };

const identifyKey = (door: Door, key: string, request: Request, response: Response): void => {
  const caller = callerWith(door, key, request);
  if (caller !== undefined) response.locals['caller'] = caller;
};

/** Undefined: a wrong key. Throws `too-many-requests` where too many were. */
export const callerWith = (
  { adminApiKey, guesses, own }: Door,
  key: string,
  request: Request,
): Caller | undefined => {
  const address = clientAddress(request, own.trustedProxies);
  refuseGuesser(guesses, address, key);
  // Digests have one length, so neither the length nor a common prefix of the key can be told from the time taken.
  if (!timingSafeEqual(sha256(key), sha256(adminApiKey))) {
    guesses.wasWrong(address);
    return undefined;
  }
  guesses.wasRight(address, key);
  return { tenantId: DEFAULT_TENANT, actor: { kind: 'api-key', id: 'local-admin' } };
};

const identifySession = async (door: Door, request: Request, response: Response): Promise<void> => {
  const { asking, guesses, own } = door;
  const text = sessionTextIn(request, own);
  if (text === undefined) return;
  const address = clientAddress(request, own.trustedProxies);
  refuseGuesser(guesses, address, text);
  const digest = digestOf(text, door.adminApiKey);
  let view: SessionView;
  try {
    view = await asking.request(useSession, { digest });
  } catch (error) {
    if (error instanceof AppError && error.code === 'session-ended') {
      guesses.wasWrong(address);
      clearSession(request, response, own);
      throw new AppError('session-ended', 'The session has ended: sign in again.', { cause: error });
    }
    throw error;
  }
  guesses.wasRight(address, text);
  if (!SAFE_METHODS.includes(request.method)) requireOwnPage(request, own);
  response.locals['session'] = { view, digest } satisfies OwnSession;
  response.locals['caller'] = { tenantId: view.tenantId, actor: view.actor } satisfies Caller;
};

/** A browser sends the cookie whatever page asks it to; it also says which page that was, and a page cannot change it. */
const requireOwnPage = (request: Request, own: OwnAddress): void => {
  if (isOwnOrigin(request.get('origin') ?? '', request, own)) return;
  throw new AppError(
    'not-allowed',
    `With a session, ${request.method} needs an Origin of the address that it is sent to. An API key needs none.`,
  );
};

/** Nobody is signed in by a page of somebody else. What is no browser says nothing of a page. */
export const refuseForeignPage = (request: Request, own: OwnAddress): void => {
  const origin = request.get('origin');
  if (origin === undefined || isOwnOrigin(origin, request, own)) return;
  throw new AppError('not-allowed', 'The Origin must be of the address that the request is sent to.');
};

/** Before what was shown is looked at. Throws `too-many-requests` for an address that was wrong too often. */
const refuseGuesser = (guesses: GuessLimit, address: string | undefined, proof: string): void => {
  const seconds = guesses.secondsToWait(address, proof);
  if (seconds === undefined) return;
  throw new AppError('too-many-requests', 'Too many wrong keys and sessions came from this address.', {
    retryAfterSeconds: seconds,
  });
};

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

const keyOf = (request: Request): string | undefined => {
  const key = request.get('x-api-key');
  if (key !== undefined) return key;
  return /^Bearer +(\S+)$/i.exec(request.get('authorization') ?? '')?.[1];
};
