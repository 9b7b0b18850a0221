import { sameJson } from './same-json.js';

/** Of what would be saved only what differs from what was opened: the rest stays as others have left it. */
export const changedOnly = <T extends object>(body: T, opened: T): Partial<T> =>
  Object.fromEntries(
    Object.entries(body).filter(([name, value]) => !sameJson(value, opened[name as keyof T])),
  ) as Partial<T>; // members of T
