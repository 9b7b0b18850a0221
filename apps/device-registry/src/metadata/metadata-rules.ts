import { AppError, type FieldError, type JsonObject } from '@muster/contracts';

const MAX_KEYS = 256;
const MAX_VALUE_BYTES = 8 * 1024;
const MAX_BYTES = 64 * 1024;
const KEY = /^[a-zA-Z0-9_]{1,64}$/;

/** Throws `invalid-request` naming every key that breaks a rule, and the rule. Sizes are of the JSON in UTF-8. */
export const refuseBadMetadata = (path: string, metadata: JsonObject): void => {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(metadata)) {
    if (!KEY.test(key)) {
      errors.push({
        path: `${path}.${key.slice(0, 80)}`,
        message: 'a metadata key must match [a-zA-Z0-9_]{1,64}',
      });
    } else if (bytes(value) > MAX_VALUE_BYTES) {
      errors.push({
        path: `${path}.${key}`,
        message: `a metadata value must not exceed ${MAX_VALUE_BYTES} bytes`,
      });
    }
  }
  if (Object.keys(metadata).length > MAX_KEYS) {
    errors.push({ path, message: `a device must not have more than ${MAX_KEYS} metadata keys` });
  }
  if (bytes(metadata) > MAX_BYTES) {
    errors.push({ path, message: `the metadata of a device must not exceed ${MAX_BYTES} bytes` });
  }
  const [first] = errors;
  if (first === undefined) return;
  throw new AppError('invalid-request', `The metadata is not acceptable: ${first.path}: ${first.message}.`, {
    errors: errors.slice(0, 20),
  });
};

const bytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
