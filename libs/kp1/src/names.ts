import { PayloadError } from './payload.js';

const NAME_RULE = /^[A-Za-z0-9_-]{1,64}$/;

/**
 * A name the device puts into a topic: a metric, a command type, the name of a configuration. Digits alone would be read as a
 * request id wherever the id is left out (1/KP, Request ID), `status` and `error` as the ends of replies, so no such name
 * exists, also where an id follows and it could be told apart. Throws `PayloadError`.
 */
export const assertName = (what: string, name: string): void => {
  if (/^\d+$/.test(name)) throw new PayloadError(`${what} must not consist of digits alone`);
  if (name === 'status' || name === 'error') throw new PayloadError(`${what} must not be a reserved name`);
  if (!NAME_RULE.test(name)) throw new PayloadError(`${what} must match [A-Za-z0-9_-]{1,64}`);
};
