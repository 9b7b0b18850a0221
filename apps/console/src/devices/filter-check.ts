import { readFilter, type Fields } from '@muster/filter';
import type { Schema } from '../api/client.js';

/**
 * What the platform would say against a filter, before it is asked: the same parser over the fields that it names. Empty:
 * nothing. Groups' names and the keys of metadata are known to the platform only.
 */
export const faultOf = (text: string, fields: readonly Schema<'FilterField'>[]): string | undefined => {
  if (text.trim() === '' || fields.length === 0) return undefined;
  try {
    readFilter(text, checkable(fields));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^The filter is wrong at /, '') : String(error);
  }
};

const checkable = (fields: readonly Schema<'FilterField'>[]): Fields =>
  Object.fromEntries(
    fields.map(({ name, kind, values }) => [
      name.replace(/\.<key>$/, ''),
      { kind, column: '', ...(values === undefined ? {} : { values }) },
    ]),
  );
