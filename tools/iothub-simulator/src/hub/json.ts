export type Json = string | number | boolean | null | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [key: string]: Json;
}

export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Times as the hub writes them: UTC, seven digits after the point. */
export const hubTime = (ms: number): string => new Date(ms).toISOString().replace('Z', '0000Z');

/** What the hub writes for a time that has never been. */
export const NEVER = '0001-01-01T00:00:00Z';
