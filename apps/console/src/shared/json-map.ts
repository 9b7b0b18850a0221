import type { Schema } from '../api/client.js';
import { readJson } from './json-input.js';

export type JsonMap = Record<string, Schema<'JsonValue'>>;

/** An object of key and value as it was written; empty: nothing. */
export const mapIn = (text: string): { readonly map?: JsonMap; readonly fault?: string } => {
  if (text.trim() === '') return { map: {} };
  const read = readJson(text);
  if ('fault' in read) return { fault: read.fault };
  if (typeof read.value !== 'object' || read.value === null || Array.isArray(read.value))
    return { fault: 'Write an object: {"key": value}.' };
  return { map: read.value as JsonMap };
};

export const mapText = (values: Readonly<Record<string, unknown>> | undefined): string =>
  values === undefined || Object.keys(values).length === 0 ? '' : JSON.stringify(values, null, 2);
