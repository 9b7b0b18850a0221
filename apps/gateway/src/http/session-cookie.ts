import { createHmac, randomBytes } from 'node:crypto';
import type { Request, Response } from 'express';
import { cameByTls, type OwnAddress } from './own-address.js';

/** By TLS, browsers take a cookie of this name from this very host only, and send it by TLS only. */
const SECURE_NAME = '__Host-muster-session';
export const PLAIN_NAME = 'muster-session';

/** 256 random bits. */
const TEXT = /^[A-Za-z0-9_-]{43}$/;

export const newSessionText = (): string => randomBytes(32).toString('base64url');

/** What is stored of a session. With another admin key there is no session that the old one opened. */
export const digestOf = (text: string, adminApiKey: string): string =>
  createHmac('sha256', adminApiKey).update(text).digest('hex');

/** Undefined: none that could be one of ours. */
export const sessionTextIn = (request: Request, own: OwnAddress): string | undefined => {
  const name = nameFor(request, own);
  for (const cookie of (request.get('cookie') ?? '').split(/; */)) {
    const [found, text = ''] = cookie.split(/=(.*)/s);
    if (found === name && TEXT.test(text)) return text;
  }
  return undefined;
};

/** The browser keeps it until the session ends in any case. */
export const setSession = (
  request: Request,
  response: Response,
  own: OwnAddress,
  session: { readonly text: string; readonly endsAt: string },
): void => {
  const maxAge = Math.max(0, Date.parse(session.endsAt) - Date.now());
  response.cookie(nameFor(request, own), session.text, { ...attributes(request, own), maxAge });
};

export const clearSession = (request: Request, response: Response, own: OwnAddress): void => {
  response.clearCookie(nameFor(request, own), attributes(request, own));
};

const nameFor = (request: Request, own: OwnAddress): string =>
  cameByTls(request, own) ? SECURE_NAME : PLAIN_NAME;

const attributes = (request: Request, own: OwnAddress) =>
  ({ httpOnly: true, sameSite: 'strict', secure: cameByTls(request, own), path: '/' }) as const;
