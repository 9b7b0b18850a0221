import { kindOf, shorten, type JsonObject } from '@muster/json';
import { isEmpty, parseJson, PayloadError, shape } from './payload.js';

/** 10/EPMP: `[a-zA-Z0-9_]+`; no longer than the platform keeps. */
const KEY = /^[a-zA-Z0-9_]{1,64}$/;
const KEY_RULE = '[a-zA-Z0-9_]{1,64}';
const MAX_KEYS = 256;

const keyList = {
  type: 'array',
  items: { type: 'string', pattern: `^${KEY_RULE}$` },
  uniqueItems: true,
  maxItems: MAX_KEYS,
} as const;

const asRequest = shape<{ keys?: string[] | null }>({
  type: 'object',
  properties: { keys: { ...keyList, nullable: true } },
  additionalProperties: false,
});

const asDeletion = shape<string[]>({ ...keyList, minItems: 1 });

/** 10/EPMP, get metadata. No payload is the same as `{}`: everything. Throws `PayloadError`. */
export const decodeMetadataRequest = (payload: Uint8Array): { readonly keys?: string[] } => {
  if (isEmpty(payload)) return {};
  const { keys } = asRequest(parseJson(payload));
  return keys == null ? {} : { keys };
};

/** 10/EPMP, update, full and partial: at least one key; null is a value like any other. Throws `PayloadError`. */
export const decodeMetadataUpdate = (payload: Uint8Array): JsonObject => {
  const value = parseJson(payload);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new PayloadError(`payload must be an object, is ${kindOf(value)}`);
  }
  const keys = Object.keys(value);
  if (keys.length === 0) throw new PayloadError('payload must have at least one key');
  const wrong = keys.find((key) => !KEY.test(key));
  if (wrong !== undefined) throw new PayloadError(`the key "${shorten(wrong)}" must match ${KEY_RULE}`);
  return value;
};

/** 10/EPMP, delete keys: unique ones, at least one. Throws `PayloadError`. */
export const decodeMetadataDeletion = (payload: Uint8Array): readonly string[] =>
  asDeletion(parseJson(payload));
