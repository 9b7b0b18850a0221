import { AppError } from '@muster/contracts';
import { overlap, type Validity } from '../validity.js';
import {
  assertAuthority,
  assertInTime,
  assertOfClient,
  invalid,
  isSignedBy,
  type Certificate,
} from './certificate.js';

/** Who vouches for a chain, and for how long. */
export interface Vouched<Known> {
  readonly authority: Known;
  /** Of the first certificate and of those between it and the authority: as long as all of them are in their time. */
  readonly time: Validity;
}

/**
 * Whether an authority vouches for the first certificate of a chain, and which of those given. Intermediate ones come from
 * the client; whatever it sends besides counts for nothing. Who shows the chain has proved to have the first one's key.
 * Throws `certificate-invalid`, `certificate-expired`, `certificate-not-yet-valid`, `certificate-untrusted`.
 */
export const verifyChain = <Known extends { readonly certificate: Certificate }>(
  chain: readonly Certificate[],
  authorities: readonly Known[],
  at: string,
): Vouched<Known> => {
  const [own, ...others] = chain;
  if (own === undefined) throw invalid('is missing');
  assertInTime(own, at);
  assertOfClient(own);
  // The shortest way first, and each certificate on one way only: a stranger may send ones that all have signed each other, which
  // would be more ways than can be walked. One that was renewed is there more than once.
  const ways: (readonly [Certificate, ...Certificate[]])[] = [[own]];
  const walked = new Set([own]);
  const faults: AppError[] = [];
  let last = own;
  for (const way of ways) {
    last = way.at(-1) ?? own;
    const between = way.length - 1;
    const known = authorities.find(({ certificate }) => isSignedBy(last, certificate));
    if (known !== undefined) {
      assertPath(known.certificate, between);
      return { authority: known, time: way.map(timeOf).reduce(overlap) };
    }
    for (const next of others) {
      if (walked.has(next) || !isSignedBy(last, next)) continue;
      walked.add(next);
      try {
        assertPath(next, between);
        assertIntermediate(next, at);
        ways.push([...way, next]);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        faults.push(error);
      }
    }
  }
  throw faults[0] ?? untrusted(last, authorities);
};

const timeOf = ({ validFrom, validUntil }: Certificate): Validity => ({ validFrom, validUntil });

/** `between`: certificates of other authorities between this one and the device's. */
const assertPath = (authority: Certificate, between: number): void => {
  const { pathLength } = authority;
  if (pathLength !== undefined && between > pathLength) {
    throw new AppError(
      'certificate-untrusted',
      `The chain is too long: an authority in it allows ${pathLength} others below itself, and there are ${between}.`,
    );
  }
};

const assertIntermediate = (authority: Certificate, at: string): void => {
  try {
    assertAuthority(authority);
    assertInTime(authority, at);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError('certificate-untrusted', `Of an authority in the chain: ${error.detail}`, {
      cause: error,
    });
  }
};

const untrusted = (
  { issuer }: Certificate,
  authorities: readonly { readonly certificate: Certificate }[],
): AppError =>
  new AppError(
    'certificate-untrusted',
    authorities.some(({ certificate }) => certificate.subject === issuer)
      ? 'The certificate names an authority that has not signed it.'
      : 'No authority that is registered here has signed the certificate.',
  );
