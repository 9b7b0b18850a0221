/** `object` with `value` under `key`, and without the key where that is undefined. */
export const withValue = <T extends object, K extends keyof T>(
  object: T,
  key: K,
  value: T[K] | undefined,
): T =>
  Object.fromEntries(
    Object.entries({ ...object, [key]: value }).filter(([, kept]) => kept !== undefined),
  ) as T; // the keys of T, of which optional ones may be missing
