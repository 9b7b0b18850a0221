import { kindOf, type JsonObject } from '@muster/json';
import { parseJson, PayloadError } from './payload.js';

/**
 * Our extension to cmx: single values of the device's own state, which the protocol has no way to report. An object; what is
 * in it is merged, null removes. Which keys and sizes are acceptable is the configuration's rule. Throws `PayloadError`.
 */
export const decodeStateReport = (payload: Uint8Array): JsonObject => {
  const value = parseJson(payload);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new PayloadError(`payload must be an object, is ${kindOf(value)}`);
};
