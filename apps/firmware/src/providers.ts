/** Injection tokens of what is this service's own. */
export const SETTINGS = Symbol('Settings');

export interface Settings {
  /** Without a slash at its end. */
  readonly baseUrl: string;
  readonly operatorTokenSeconds: number;
  readonly uploadTokenSeconds: number;
  readonly uploadMaxBytes: number;
  readonly uploadsKeepDays: number;
  readonly uploadsKeepCount: number;
  readonly uploadsKeepBytes: number;
}
