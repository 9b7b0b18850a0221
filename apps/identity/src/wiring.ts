/** Injection tokens of what `app.module.ts` makes; interfaces have none of their own. */
export const DATABASE = Symbol('Database');
export const EVENT_STORE = Symbol('EventStore');
