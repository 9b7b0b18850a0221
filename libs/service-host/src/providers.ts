/** Injection tokens of what every service has; what is one service's own is named in its `providers.ts`. */
export const DATABASE = Symbol('Database');
export const EVENT_STORE = Symbol('EventStore');
export const BUS = Symbol('Bus');
export const LOGGER = Symbol('Logger');
