/** Equal as JSON: the order of fields does not matter, and a field that is undefined is not there. Pure; deciders may use it. */
export const sameJson = (a: unknown, b: unknown): boolean => {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const left = present(a);
  const right = new Map(present(b));
  return (
    left.length === right.size &&
    left.every(([key, value]) => right.has(key) && sameJson(value, right.get(key)))
  );
};

const present = (value: object): [string, unknown][] =>
  Object.entries(value).filter(([, part]) => part !== undefined);
