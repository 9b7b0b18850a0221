import { AppError } from '@muster/contracts';
import {
  assertAuthority,
  assertInTime,
  assertOfClient,
  invalid,
  isSignedBy,
  type Certificate,
} from './certificate.js';

/**
 * Whether an authority vouches for the first certificate of a chain, and which of those given. Intermediate ones come from
 * the client; whatever it sends besides counts for nothing. Who shows the chain has proved to have the first one's key.
 * Throws `certificate-invalid`, `certificate-expired`, `certificate-not-yet-valid`, `certificate-untrusted`.
 */
export const verifyChain = <Known extends { readonly certificate: Certificate }>(
  chain: readonly Certificate[],
  authorities: readonly Known[],
  at: string,
): Known => {
  const [own, ...others] = chain;
  if (own === undefined) throw invalid('is missing');
  assertInTime(own, at);
  assertOfClient(own);
  const walked = new Set([own]);
  for (let current = own, between = 0; ; between += 1) {
    const known = authorities.find(({ certificate }) => isSignedBy(current, certificate));
    if (known !== undefined) {
      assertPath(known.certificate, between);
      return known;
    }
    const next = others.find((one) => !walked.has(one) && isSignedBy(current, one));
    if (next === undefined) throw untrusted(current, authorities);
    assertPath(next, between);
    assertIntermediate(next, at);
    walked.add(next);
    current = next;
  }
};

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
