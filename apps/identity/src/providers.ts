/** Injection tokens of what is this service's own. */
export const RULES = Symbol('Rules');
export const SESSION_RULES = Symbol('SessionRules');
