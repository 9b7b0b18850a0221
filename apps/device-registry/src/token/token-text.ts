import { randomBytes } from 'node:crypto';
import { AppError } from '@muster/contracts';
import { uniqueViolation } from '@muster/event-store';
import type pg from 'pg';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const LENGTH = 24;

/** 24 characters of A-Z, a-z, 0-9: 142 bits, more than anybody can guess. */
export const newTokenText = (): string => {
  let text = '';
  while (text.length < LENGTH) {
    for (const byte of randomBytes(LENGTH)) {
      // 248 = 4 × 62: a remainder of the bytes above would come up more often than the other characters.
      if (byte < 248 && text.length < LENGTH) text += ALPHABET.charAt(byte % 62);
    }
  }
  return text;
};

/** What may be shown to tell tokens apart. */
export const hintOf = (text: string): string => text.slice(0, 4);

/** Keeps the text of a token in the transaction of its event. Throws `token-taken`; the transaction is then over. */
export const keepTokenText = async (
  tx: pg.PoolClient,
  token: {
    readonly tenantId: string;
    readonly deviceId: string;
    readonly tokenId: string;
    readonly text: string;
  },
): Promise<void> => {
  try {
    await tx.query({
      name: 'keep-token-text',
      text: 'INSERT INTO endpoint_tokens (tenant_id, id, device_id, token) VALUES ($1, $2, $3, $4)',
      values: [token.tenantId, token.tokenId, token.deviceId, token.text],
    });
  } catch (error) {
    if (uniqueViolation(error) !== 'endpoint_tokens_token') throw error;
    throw new AppError(
      'token-taken',
      'This endpoint token is in use; tokens are unique in the whole system.',
      {
        cause: error,
      },
    );
  }
};
