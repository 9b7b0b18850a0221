/** Injection tokens of what is this service's own. */
export const RULES = Symbol('Rules');
