import type { JsonObject, JsonValue } from '../fields.js';
import { mapObject, twinKey } from './twin-keys.js';

/** What Azure publishes of twins ("Understand and use device twins in IoT Hub": size, depth, values). */
const MAX_DESIRED_BYTES = 32 * 1024;
const MAX_DEPTH = 10;
const MAX_KEY_BYTES = 1_024;
const MAX_STRING_BYTES = 4 * 1_024;
const MAX_INTEGER = 2 ** 52;

/**
 * Why a twin cannot hold this as its desired properties: the limit by its name; undefined: it can. A hub counts bytes a little
 * less strictly than the text of the JSON does; its own answer comes after ours.
 */
export const wrongForTwin = (desired: JsonObject): string | undefined =>
  wrongSize(desired) ?? wrongValue(desired, 1);

const wrongSize = (desired: JsonObject): string | undefined => {
  const bytes = Buffer.byteLength(JSON.stringify(desired));
  return bytes > MAX_DESIRED_BYTES
    ? `a twin holds at most ${MAX_DESIRED_BYTES} bytes of desired properties, and these are ${bytes}`
    : undefined;
};

const wrongValue = (value: JsonValue, depth: number): string | undefined => {
  if (typeof value === 'string' && Buffer.byteLength(value) > MAX_STRING_BYTES) {
    return `a text in a twin has at most ${MAX_STRING_BYTES} bytes`;
  }
  if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) > MAX_INTEGER) {
    return `a whole number in a twin is between -2^52 and 2^52`;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth > MAX_DEPTH)
    return `values in a twin are nested at most ${MAX_DEPTH} deep, \`muster\` and what is in it included`;
  for (const [key, one] of Object.entries(value)) {
    if (Buffer.byteLength(key) > MAX_KEY_BYTES) return `a key in a twin has at most ${MAX_KEY_BYTES} bytes`;
    const wrong = wrongValue(one, depth + 1);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
};

/** Of a twin, what is the platform's, and in it a device's configuration. */
const asDesired = (config: JsonObject): JsonObject => ({
  // As long as the one it will have.
  muster: { configuration: { configId: 'x'.repeat(CONFIG_ID_LENGTH), config } },
});
const CONFIG_ID_LENGTH = 32;

/**
 * Why a twin cannot hold this document of a device's configuration, as it would be written there, whatever else it has: the
 * limit by its name, and the key. Of the keys only those `changed` are looked at, as others were there before; of the whole its size.
 */
export const wrongForHubDevice = (document: JsonObject, changed: readonly string[]): string | undefined => {
  for (const key of changed) {
    const value = Object.hasOwn(document, key) ? document[key] : undefined;
    if (value === undefined) continue;
    const wrong = wrongForTwin(asDesired(mapObject({ [key]: value }, twinKey)));
    if (wrong !== undefined) return `key "${key}": ${wrong}`;
  }
  return wrongSize(asDesired(mapObject(document, twinKey)));
};
