import type { Schema } from '../api/client.js';
import { sameJson } from '../shared/same-json.js';

type ReportedKey = Schema<'ReportedKey'>;

/** A part of the devices, by what they report of one key. */
export interface Share {
  readonly kind: 'expected' | 'value' | 'cut' | 'others' | 'none' | 'unknown';
  /** Of `expected` and `value`. */
  readonly value?: unknown;
  readonly devices: number;
}

/**
 * What should be reported first, also while nobody reports it: a missing line would be looked for. Then the others, most
 * first, and at the end those of whom no value is known.
 */
export const sharesOf = ({
  expected,
  values,
  others,
  none,
  unknown,
}: ReportedKey): { readonly total: number; readonly shares: readonly Share[] } => {
  const isExpected = ({ value, cut }: ReportedKey['values'][number]): boolean =>
    expected !== undefined && cut !== true && sameJson(value, expected);
  const total = values.reduce((sum, { devices }) => sum + devices, 0) + others + none + unknown;
  const shares: Share[] = [
    ...(expected === undefined
      ? []
      : [{ kind: 'expected' as const, value: expected, devices: values.find(isExpected)?.devices ?? 0 }]),
    ...values
      .filter((value) => !isExpected(value))
      .map(({ value, cut, devices }): Share =>
        cut === true ? { kind: 'cut', devices } : { kind: 'value', value, devices },
      ),
    ...(['others', 'none', 'unknown'] as const)
      .map((kind): Share => ({ kind, devices: { others, none, unknown }[kind] }))
      .filter(({ devices }) => devices > 0),
  ];
  // Of an own value of each device nothing may be known at all.
  return { total, shares: shares.length > 0 ? shares : [{ kind: 'none', devices: 0 }] };
};
