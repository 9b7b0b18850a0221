import { createHash } from 'node:crypto';
import type { JsonObject, JsonValue } from '@muster/contracts';

/** JSON with the keys of every object in UTF-16 code unit order and no white space: equal values give equal text. */
export const canonicalJson = (value: JsonValue): string => {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] ?? null)}`);
  return `{${members.join(',')}}`;
};

/** The document's name: same content, same id, in any process and at any time. "" for a document without keys. Pure. */
export const configIdOf = (document: JsonObject, canonical = canonicalJson(document)): string =>
  Object.keys(document).length === 0 ? '' : createHash('sha256').update(canonical).digest('hex').slice(0, 32);

export const sameJson = (a: JsonValue | undefined, b: JsonValue | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && canonicalJson(a) === canonicalJson(b));

/** UTF-8 bytes of the canonical JSON: what limits are counted in. */
export const sizeOf = (value: JsonValue): number => Buffer.byteLength(canonicalJson(value));
