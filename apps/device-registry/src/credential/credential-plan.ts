import { AppError, newId } from '@muster/contracts';
import type { CredentialRotation } from '@muster/contracts/device-registry/credentials.requests';
import type { CredentialInput, CredentialKind } from '@muster/contracts/device-registry/credential-input';
import { readCertificate } from '../authentication/certificate.js';
import { fastHashOf, slowHashOf } from '../authentication/password-hash.js';
import type { CredentialFacts, IssuedKind } from '../device/device.events.js';
import { editedValidity, overlap, phaseAt, type Validity } from '../validity.js';
import type { NewCredential } from './credential-decisions.js';
import { hashOfSecret, newSecret } from './secret.js';

/** What is to be issued: the part that events may hold, what is kept of the rest, and what is shown once. */
export interface PlannedCredential {
  readonly next: NewCredential;
  /** Of a secret. */
  readonly sha256?: Buffer;
  readonly passwordHash?: string;
  /** Generated here. */
  readonly shown: { readonly secret?: string; readonly password?: string };
}

/** Ids of what is to be made, and when. */
export interface PlanFor {
  readonly credentialId: string;
  readonly deviceId: string;
  readonly at: string;
}

export const planFor = (deviceId: string): PlanFor => ({
  credentialId: newId(),
  deviceId,
  at: new Date().toISOString(),
});

const FIELDS_OF: Readonly<Record<CredentialKind, readonly (keyof CredentialInput)[]>> = {
  token: [],
  secret: [],
  password: ['username', 'password'],
  'self-signed': ['certificate', 'sha256'],
  'ca-signed': ['subject', 'authorityId'],
};
const OWN_FIELDS = Object.values(FIELDS_OF).flat();

/** Throws `invalid-request`: a device whose token is enough has nothing else to be issued. */
export const assertNothingToIssue = (path: string, input: CredentialInput): void => {
  refuseForeign(path, input, [...OWN_FIELDS, 'status', 'validFrom', 'validUntil']);
};

const refuseForeign = (
  path: string,
  input: CredentialInput,
  fields: readonly (keyof CredentialInput)[],
): void => {
  // Null passes the contract's rules and means the same as absent.
  const foreign = fields.find((field) => input[field] != null && !FIELDS_OF[input.kind].includes(field));
  if (foreign !== undefined) throw refused(`${path}.${foreign}`, `must not be given with kind ${input.kind}`);
};

/** Hashes a password that was given, which takes a fifth of a second: not within a transaction. Throws `invalid-request`. */
export const planCredential = async (
  path: string,
  input: CredentialInput & { readonly kind: IssuedKind },
  { credentialId, deviceId, at }: PlanFor,
): Promise<PlannedCredential> => {
  const { kind } = input;
  refuseForeign(path, input, OWN_FIELDS);
  const given = editedValidity(path, {}, input, at);
  const next = (facts: CredentialFacts = {}, validity = given): NewCredential => ({
    credentialId,
    kind,
    status: input.status ?? 'active',
    validity,
    facts,
  });
  switch (kind) {
    case 'secret': {
      const secret = newSecret();
      return { next: next(), sha256: hashOfSecret(secret), shown: { secret } };
    }
    case 'password':
      return planPassword(next({ username: input.username ?? deviceId }), input.password);
    case 'self-signed': {
      const { facts, validity } = pinned(path, input, at);
      return { next: next(facts, overlap(given, validity)), shown: {} };
    }
    case 'ca-signed': {
      const { subject, authorityId } = input;
      if (subject == null) throw refused(`${path}.subject`, 'must be given with kind ca-signed');
      return { next: next({ subject, ...(authorityId == null ? {} : { authorityId }) }), shown: {} };
    }
  }
};

/** The same, for what comes in the place of a credential of `kind`. */
export const planRotation = async (
  rotation: CredentialRotation,
  before: { readonly kind: IssuedKind; readonly username?: string },
  made: PlanFor,
): Promise<PlannedCredential> => {
  const { kind, username } = before;
  if (kind === 'ca-signed') {
    throw refused(
      'rotation',
      'is not for kind ca-signed: let the authority sign another certificate for the subject',
    );
  }
  const { password, certificate, sha256 } = rotation;
  return planCredential(
    'rotation',
    {
      kind,
      ...(username === undefined ? {} : { username }),
      ...(password == null ? {} : { password }),
      ...(certificate == null ? {} : { certificate }),
      ...(sha256 == null ? {} : { sha256 }),
    },
    made,
  );
};

const planPassword = async (
  next: NewCredential,
  given: string | null | undefined,
): Promise<PlannedCredential> => {
  if (given != null) return { next, passwordHash: await slowHashOf(given), shown: {} };
  const password = newSecret();
  return { next, passwordHash: fastHashOf(password), shown: { password } };
};

const pinned = (
  path: string,
  { certificate, sha256 }: Pick<CredentialInput, 'certificate' | 'sha256'>,
  at: string,
): { readonly facts: CredentialFacts; readonly validity: Validity } => {
  if ((certificate == null) === (sha256 == null)) {
    throw refused(`${path}.certificate`, 'must be given with kind self-signed, or sha256 instead of it');
  }
  if (certificate == null) return { facts: { sha256: sha256 ?? '' }, validity: {} };
  const read = readGiven(`${path}.certificate`, certificate);
  if (phaseAt(read, at) === 'after') {
    throw refused(
      `${path}.certificate`,
      `was valid until ${read.validUntil}; it must be valid in the future`,
    );
  }
  return {
    facts: { sha256: read.sha256 },
    validity: { validFrom: read.validFrom, validUntil: read.validUntil },
  };
};

/** A certificate that an operator sends: what is wrong with it is wrong with the request. */
export const readGiven = (path: string, text: string): ReturnType<typeof readCertificate> => {
  try {
    return readCertificate(text);
  } catch (error) {
    throw asInvalidRequest(path, error);
  }
};

export const asInvalidRequest = (path: string, error: unknown): unknown => {
  if (!(error instanceof AppError)) return error;
  const message = error.detail.replace(/^The certificate /, '').replace(/\.$/, '');
  return new AppError('invalid-request', `${path} ${message}.`, {
    cause: error,
    errors: [{ path, message }],
  });
};

const refused = (path: string, message: string): AppError =>
  new AppError('invalid-request', `${path} ${message}.`, { errors: [{ path, message }] });
