import { randomBytes } from 'node:crypto';
import { AppError, MIN_TOKEN_LENGTH, tokenLength } from '@muster/contracts';
import type { DeviceTypeSettings } from '@muster/contracts/device-registry/device-types.requests';
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

/**
 * A token for a device of a type with these settings: the given one, or a new one. Throws `invalid-request` naming `path`
 * for one that is too short.
 */
export const tokenTextFor = (
  { minTokenLength }: Pick<DeviceTypeSettings, 'minTokenLength'>,
  given: string | null | undefined,
  path: string,
): string => {
  if (given == null) return newTokenText();
  const least = minTokenLength ?? MIN_TOKEN_LENGTH;
  if (tokenLength(given) >= least) return given;
  const message = `must have at least ${least} characters; the device type's settings.minTokenLength says so`;
  throw new AppError('invalid-request', `${path} ${message}`, { errors: [{ path, message }] });
};

/** The same of many, with one statement. */
export const keepTokenTexts = async (tx: pg.PoolClient, tokens: readonly TokenText[]): Promise<void> => {
  if (tokens.length === 0) return;
  await takingToken(() =>
    tx.query(
      `INSERT INTO endpoint_tokens (tenant_id, id, device_id, token)
       SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])`,
      [
        tokens.map(({ tenantId }) => tenantId),
        tokens.map(({ tokenId }) => tokenId),
        tokens.map(({ deviceId }) => deviceId),
        tokens.map(({ text }) => text),
      ],
    ),
  );
};

export interface TokenText {
  readonly tenantId: string;
  readonly deviceId: string;
  readonly tokenId: string;
  readonly text: string;
}

/** Keeps the text of a token in the transaction of its event. Throws `token-taken`; the transaction is then over. */
export const keepTokenText = async (tx: pg.PoolClient, token: TokenText): Promise<void> => {
  await takingToken(() =>
    tx.query({
      name: 'keep-token-text',
      text: 'INSERT INTO endpoint_tokens (tenant_id, id, device_id, token) VALUES ($1, $2, $3, $4)',
      values: [token.tenantId, token.tokenId, token.deviceId, token.text],
    }),
  );
};

const takingToken = async (keep: () => Promise<unknown>): Promise<void> => {
  try {
    await keep();
  } catch (error) {
    if (uniqueViolation(error) !== 'endpoint_tokens_token') throw error;
    throw new AppError(
      'token-taken',
      'This endpoint token is in use; tokens are unique in the whole system.',
      { cause: error },
    );
  }
};
