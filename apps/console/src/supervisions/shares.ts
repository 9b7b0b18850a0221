import type { Schema } from '../api/client.js';
import { sameJson } from '../shared/same-json.js';

type ReportedKey = Schema<'ReportedKey'>;

/** A part of the devices, by what they report of one key. */
export interface Share {
  readonly kind: 'expected' | 'value' | 'cut' | 'others' | 'none' | 'unknown';
  /** Of `expected` and `value`. */
  readonly value?: unknown;
  readonly devices: number;
  /** Of `value`, `cut` and `others`: whether the devices are wrong, or have not been told or not answered yet. */
  readonly stands?: 'wrong' | 'waiting' | 'either';
}

interface Verdicts {
  readonly invalid: number;
  readonly pending: number;
}

/**
 * How devices stand that report another value than is expected. Who was not told yet reports what was before, and is not
 * wrong. Which of them they are is not known by value: while some devices are wrong and some wait, it is either.
 */
const standsOf = ({ invalid, pending }: Verdicts): 'wrong' | 'waiting' | 'either' => {
  if (pending === 0) return 'wrong';
  return invalid === 0 ? 'waiting' : 'either';
};

/**
 * What should be reported first, also while nobody reports it: a missing line would be looked for. Then the others, most
 * first, and at the end those of whom no value is known.
 */
export const sharesOf = (
  { expected, values, others, none, unknown }: ReportedKey,
  verdicts: Verdicts,
): { readonly total: number; readonly shares: readonly Share[] } => {
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
  if (shares.length === 0) return { total, shares: [{ kind: 'none', devices: 0 }] };
  const isOther = ({ kind }: Share): boolean => kind === 'value' || kind === 'cut' || kind === 'others';
  return {
    total,
    shares: shares.map((share) =>
      expected !== undefined && isOther(share) ? { ...share, stands: standsOf(verdicts) } : share,
    ),
  };
};
