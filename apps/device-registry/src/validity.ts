import { AppError } from '@muster/contracts';

/** When something opens what it opens: ISO 8601. Absent: without that end. */
export interface Validity {
  readonly validFrom?: string;
  readonly validUntil?: string;
}

/** Of a time: before it, within it, after it. */
export type Phase = 'before' | 'within' | 'after';

/** The first moment belongs to it, the last does not. */
export const phaseAt = ({ validFrom, validUntil }: Validity, at: string): Phase => {
  const now = Date.parse(at);
  if (validUntil !== undefined && now >= Date.parse(validUntil)) return 'after';
  return validFrom !== undefined && now < Date.parse(validFrom) ? 'before' : 'within';
};

/** When its phase is another one; undefined: never again. */
export const nextEdge = (validity: Validity, at: string): string | undefined => {
  switch (phaseAt(validity, at)) {
    case 'before':
      return validity.validFrom;
    case 'within':
      return validity.validUntil;
    case 'after':
      return undefined;
  }
};

/** Its ends alone. */
export const boundsOf = ({ validFrom, validUntil }: Validity): Validity => ({
  ...(validFrom === undefined ? {} : { validFrom }),
  ...(validUntil === undefined ? {} : { validUntil }),
});

export const isBounded = ({ validFrom, validUntil }: Validity): boolean =>
  validFrom !== undefined || validUntil !== undefined;

/** What both allow. */
export const overlap = (one: Validity, other: Validity): Validity => ({
  ...last('validFrom', one.validFrom, other.validFrom, (a, b) => Math.max(a, b)),
  ...last('validUntil', one.validUntil, other.validUntil, (a, b) => Math.min(a, b)),
});

const last = (
  name: keyof Validity,
  one: string | undefined,
  other: string | undefined,
  choose: (one: number, other: number) => number,
): Validity => {
  const times = [one, other].flatMap((time) => (time === undefined ? [] : [Date.parse(time)]));
  const [first, second = first] = times;
  return first === undefined || second === undefined
    ? {}
    : { [name]: new Date(choose(first, second)).toISOString() };
};

/**
 * As an edit says: absent stays, null is without an end. Times as ISO 8601 in UTC. Throws `invalid-request`, also for an end that
 * is over already: what would open nothing is not issued, and what shall open nothing any more is revoked.
 */
export const editedValidity = (
  path: string,
  before: Validity,
  edit: { readonly validFrom?: string | null | undefined; readonly validUntil?: string | null | undefined },
  at: string,
): Validity => {
  const side = (name: keyof Validity): Validity => {
    const wanted = edit[name] === undefined ? before[name] : edit[name];
    return wanted === undefined || wanted === null ? {} : { [name]: new Date(wanted).toISOString() };
  };
  const after = { ...side('validFrom'), ...side('validUntil') };
  const { validFrom, validUntil } = after;
  if (
    validUntil !== undefined &&
    validUntil !== before.validUntil &&
    phaseAt({ validUntil }, at) === 'after'
  ) {
    throw wrongEnd(path, 'must be in the future');
  }
  if (validFrom !== undefined && validUntil !== undefined && validFrom >= validUntil) {
    throw wrongEnd(path, 'must be later than validFrom');
  }
  return after;
};

const wrongEnd = (path: string, message: string): AppError => {
  const field = path === '' ? 'validUntil' : `${path}.validUntil`;
  return new AppError('invalid-request', `${field} ${message}.`, { errors: [{ path: field, message }] });
};
