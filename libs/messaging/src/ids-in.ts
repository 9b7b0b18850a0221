/** Names of fields that say what a request is about: `deviceId`, `configId`, `receivedAt`, the `id` of a command. */
const TELLING = /^(id|[a-zA-Z]+(Id|At))$/;

/**
 * For the log: the ids and times in a request, of each item where it has a list of them, so that one message of a device can
 * be followed through a batch of many. No other value: contents and secrets stay out of the log.
 */
export const idsIn = (body: object): Record<string, unknown> => {
  const found: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(body)) {
    if (TELLING.test(name) && (typeof value === 'string' || typeof value === 'number')) found[name] = value;
    if (Array.isArray(value)) {
      const items = value.filter((item) => typeof item === 'object' && item !== null).map(idsIn);
      if (items.some((item) => Object.keys(item).length > 0)) found[name] = items;
    }
  }
  return found;
};
