import { createHash, randomBytes } from 'node:crypto';
import type pg from 'pg';

/** 32 random bytes as base64url, 43 characters. */
export const newSecret = (): string => randomBytes(32).toString('base64url');

/**
 * SHA-256 of the text. A slow hash (scrypt, argon2) protects secrets that people choose, by making each guess dear; 256
 * random bits cannot be guessed at any price, and an adapter has to check one with every request.
 */
export const hashOfSecret = (secret: string): Buffer => createHash('sha256').update(secret).digest();

/** Keeps the hash of a secret in the transaction of its event; the secret itself is kept nowhere. */
export const keepSecret = async (
  tx: pg.PoolClient,
  issued: {
    readonly tenantId: string;
    readonly deviceId: string;
    readonly credentialId: string;
    readonly secret: string;
  },
): Promise<void> => {
  await tx.query({
    name: 'keep-secret',
    text: 'INSERT INTO device_secrets (tenant_id, id, device_id, sha256) VALUES ($1, $2, $3, $4)',
    values: [issued.tenantId, issued.credentialId, issued.deviceId, hashOfSecret(issued.secret)],
  });
};
