import { createHash } from 'node:crypto';
import type { JsonObject, JsonValue } from '@muster/contracts';
import { canonicalJson } from '@muster/contracts/canonical-json';

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
