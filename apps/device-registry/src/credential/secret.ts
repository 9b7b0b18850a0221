import { createHash, randomBytes } from 'node:crypto';

/** 32 random bytes as base64url, 43 characters. */
export const newSecret = (): string => randomBytes(32).toString('base64url');

/**
 * SHA-256 of the text. A slow hash (scrypt, argon2) protects secrets that people choose, by making each guess dear; 256
 * random bits cannot be guessed at any price, and an adapter has to check one with every request.
 */
export const hashOfSecret = (secret: string): Buffer => createHash('sha256').update(secret).digest();
