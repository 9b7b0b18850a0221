/** Injection tokens of what is this service's own. */
export const MAX_HUBS = Symbol('MaxHubs');
