import { createHash, randomBytes } from 'node:crypto';

/** 192 random bits, of characters that need no escape in a URL or a header. */
export const newToken = (): string => randomBytes(24).toString('base64url');

/** By this tokens are looked up: the time of an index lookup tells nothing about the token. */
export const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest();
