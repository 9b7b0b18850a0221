/** Injection tokens of what has no class of its own. */
export const DATABASE = Symbol('Database');
export const EVENT_STORE = Symbol('EventStore');
export const BUS = Symbol('Bus');
export const LOGGER = Symbol('Logger');
/** The service's own limits of documents, values and keys. */
export const CEILINGS = Symbol('Ceilings');
/** After how many milliseconds of silence a dispatched document is unconfirmed. */
export const UNCONFIRMED_AFTER_MS = Symbol('UnconfirmedAfterMs');
