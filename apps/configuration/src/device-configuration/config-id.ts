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

/** Of the last document: a change of many devices mostly gives each the same. */
let named = { canonical: '', id: '' };

/** The document's name: same content, same id, in any process and at any time. Pure. */
export const configIdOf = (document: JsonObject, canonical = canonicalJson(document)): string => {
  if (canonical !== named.canonical) {
    const digest = createHash('sha256').update(canonical).digest('hex');
    named = { canonical, id: digest.slice(0, 32) };
  }
  return named.id;
};

/** UTF-8 bytes of the canonical JSON: what limits are counted in. */
export const sizeOf = (value: JsonValue): number => Buffer.byteLength(canonicalJson(value));
