/** Injection tokens of what is this service's own. */

/** The service's own limits of documents, values and keys. */
export const CEILINGS = Symbol('Ceilings');
/** After how many milliseconds of silence a dispatched document is unconfirmed. */
export const UNCONFIRMED_AFTER_MS = Symbol('UnconfirmedAfterMs');
