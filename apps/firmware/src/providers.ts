/** Names under which Nest hands out what is no class of this application. */
export const BUS = Symbol('Bus');
export const DATABASE = Symbol('Database');
export const EVENT_STORE = Symbol('EventStore');
export const SETTINGS = Symbol('Settings');

export interface Settings {
  /** Without a slash at its end. */
  readonly baseUrl: string;
  readonly uploadTokenSeconds: number;
  readonly uploadMaxBytes: number;
  readonly uploadsKeepDays: number;
  readonly uploadsKeepCount: number;
}
