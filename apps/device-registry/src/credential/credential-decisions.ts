import { AppError } from '@muster/contracts';
import type { CredentialStatus } from '@muster/contracts/device-registry/credentials.requests';
import type { CredentialKind } from '@muster/contracts/device-registry/credential-input';
import type { DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import type { CredentialState, ExistingDevice } from '../device/device-state.js';
import type {
  CredentialBegan,
  CredentialExpired,
  CredentialFacts,
  CredentialIssued,
  CredentialRemoved,
  CredentialStatusChanged,
  CredentialValidityChanged,
  IssuedKind,
} from '../device/device.events.js';
import { boundsOf, editedValidity, overlap, phaseAt, type Validity } from '../validity.js';

/** What is to be issued, without what is secret about it. */
export interface NewCredential {
  readonly credentialId: string;
  readonly kind: IssuedKind;
  readonly status: 'inactive' | 'active';
  readonly validity: Validity;
  readonly facts: CredentialFacts;
}

export interface IssueCredential extends NewCredential {
  readonly type: 'IssueCredential';
  readonly at: string;
}

export interface RotateCredential {
  readonly type: 'RotateCredential';
  readonly credentialId: string;
  readonly next: NewCredential;
  /** 0: the one before is revoked. */
  readonly overlapSeconds: number;
  readonly at: string;
}

export interface EditCredential {
  /** Absent fields stay; null: without that end. */
  readonly type: 'EditCredential';
  readonly credentialId: string;
  readonly status?: CredentialStatus | undefined;
  readonly validFrom?: string | null | undefined;
  readonly validUntil?: string | null | undefined;
  readonly at: string;
}

/** Tells that its time has come or is over, once. */
export interface ObserveCredential {
  readonly type: 'ObserveCredential';
  readonly credentialId: string;
  readonly at: string;
}

export interface RemoveCredential {
  readonly type: 'RemoveCredential';
  readonly credentialId: string;
}

type CredentialEvent =
  | CredentialIssued
  | CredentialStatusChanged
  | CredentialValidityChanged
  | CredentialBegan
  | CredentialExpired
  | CredentialRemoved;

/** Of a kind: the one a device uses, and the one it is being moved to. */
export const MAX_OPEN = 2;

const KINDS_OF: Readonly<Record<DeviceInterface, readonly CredentialKind[]>> = {
  mqtt: ['token', 'password', 'self-signed', 'ca-signed'],
  http: ['secret'],
  iothub: ['token', 'self-signed', 'ca-signed'],
};

const WHY: Readonly<Record<DeviceInterface, string>> = {
  mqtt: 'secrets are for HTTP devices',
  http:
    'HTTP devices have a secret that the platform generates; whether the endpoint token is enough as well is a setting of ' +
    'the device type (httpTokenOnly)',
  iothub: 'IoT Hub lets its devices in by a key of its own making (token) or by certificates',
};

/** The kind a device of this interface gets at first, `wanted` or not. Throws `invalid-request` where they do not go together. */
export const firstKind = (of: DeviceInterface, wanted: CredentialKind | null | undefined): CredentialKind => {
  // Null passes the contract's rules and means the same as absent.
  const kind = wanted ?? (of === 'http' ? 'secret' : 'token');
  assertKind('device.credential.kind', of, kind);
  return kind;
};

const assertKind = (path: string, of: DeviceInterface, kind: CredentialKind): void => {
  if (KINDS_OF[of].includes(kind)) return;
  throw refused(path, `must be ${KINDS_OF[of].join(' or ')} for interface ${of}: ${WHY[of]}`);
};

export const issueCredential = (
  { at, ...next }: IssueCredential,
  device: ExistingDevice,
): readonly CredentialIssued[] => {
  if (Object.hasOwn(device.credentials, next.credentialId)) return [];
  assertKind('credential.kind', device.interface, next.kind);
  assertRoom(next.kind, device, at);
  return [credentialIssued(next, at)];
};

const assertRoom = (kind: IssuedKind, device: ExistingDevice, at: string): void => {
  const open = Object.values(device.credentials).filter(
    (one) => one.kind === kind && one.status !== 'revoked' && phaseAt(one, at) !== 'after',
  );
  if (open.length < MAX_OPEN) return;
  throw new AppError(
    'credential-limit-reached',
    `A device has at most ${MAX_OPEN} credentials of kind ${kind} that are not revoked and not over; revoke one first.`,
  );
};

export const rotateCredential = (
  { credentialId, next, overlapSeconds, at }: RotateCredential,
  device: ExistingDevice,
): readonly CredentialEvent[] => {
  if (Object.hasOwn(device.credentials, next.credentialId)) return [];
  const before = existingCredential(device, credentialId);
  if (before.status === 'revoked' || phaseAt(before, at) === 'after') {
    throw new AppError('credential-status-final', 'The credential is revoked or over; issue another one.');
  }
  if (overlapSeconds === 0) {
    const end = statusChanged(credentialId, before, 'revoked', before, at);
    // First, so that it makes room.
    assertRoom(next.kind, withStatus(device, credentialId, 'revoked'), at);
    return [end, credentialIssued(next, at)];
  }
  assertRoom(next.kind, device, at);
  const validUntil = new Date(Date.parse(at) + overlapSeconds * 1_000).toISOString();
  return [
    credentialIssued(next, at),
    ...changeValidity(credentialId, before, overlap(before, { validUntil }), at),
  ];
};

/** What a device is issued when it is made. */
export const credentialIssued = (
  { credentialId, kind, status, validity, facts }: NewCredential,
  issuedAt: string,
): CredentialIssued => ({
  type: 'CredentialIssued',
  data: { credentialId, kind, issuedAt, ...(status === 'active' ? {} : { status }), ...validity, ...facts },
});

export const editCredential = (
  { credentialId, status, at, ...window }: EditCredential,
  device: ExistingDevice,
): readonly CredentialEvent[] => {
  const before = existingCredential(device, credentialId);
  const validity = editedValidity('edit', boundsOf(before), window, at);
  const moved = changeValidity(credentialId, before, validity, at);
  const turned =
    status === undefined || status === before.status
      ? []
      : [statusChanged(credentialId, before, status, validity, at)];
  if (before.status === 'revoked' && moved.length + turned.length > 0) {
    throw new AppError('credential-status-final', 'The credential is revoked; issue another one.');
  }
  return [...moved, ...turned];
};

export const observeCredential = (
  { credentialId, at }: ObserveCredential,
  device: ExistingDevice,
): readonly CredentialEvent[] => {
  const credential = Object.hasOwn(device.credentials, credentialId)
    ? device.credentials[credentialId]
    : undefined;
  if (credential === undefined) return [];
  const phase = phaseAt(credential, at);
  if (phase === credential.phase || phase === 'before') return [];
  const { kind, status } = credential;
  const data = { credentialId, kind, status, ...boundsOf(credential) };
  return [{ type: phase === 'within' ? 'CredentialBegan' : 'CredentialExpired', data }];
};

/** As for tokens. */
export const removeCredential = (
  { credentialId }: RemoveCredential,
  device: ExistingDevice,
): readonly CredentialRemoved[] => {
  if (!Object.hasOwn(device.credentials, credentialId)) return [];
  if (device.credentials[credentialId]?.status !== 'revoked') {
    throw new AppError('credential-not-revoked', 'Revoke the credential first.');
  }
  return [{ type: 'CredentialRemoved', data: { credentialId } }];
};

const statusChanged = (
  credentialId: string,
  { kind, status: from }: CredentialState,
  to: CredentialStatus,
  validity: Validity,
  at: string,
): CredentialStatusChanged => ({
  type: 'CredentialStatusChanged',
  data: {
    credentialId,
    kind,
    from,
    to,
    opens: to === 'active' && phaseAt(validity, at) === 'within',
  },
});

const changeValidity = (
  credentialId: string,
  before: CredentialState,
  to: Validity,
  changedAt: string,
): readonly CredentialValidityChanged[] => {
  const from = boundsOf(before);
  if (from.validFrom === to.validFrom && from.validUntil === to.validUntil) return [];
  const { kind, status } = before;
  return [{ type: 'CredentialValidityChanged', data: { credentialId, kind, status, from, to, changedAt } }];
};

/** Throws `credential-not-found`. */
const existingCredential = (device: ExistingDevice, credentialId: string): CredentialState => {
  const found = Object.hasOwn(device.credentials, credentialId)
    ? device.credentials[credentialId]
    : undefined;
  if (found === undefined) throw new AppError('credential-not-found', 'The device has no such credential.');
  return found;
};

export const evolveCredential = (device: ExistingDevice, event: CredentialEvent): ExistingDevice => {
  const { credentialId } = event.data;
  switch (event.type) {
    case 'CredentialIssued': {
      const { kind, status = 'active', issuedAt } = event.data;
      const validity = boundsOf(event.data);
      return withCredential(device, credentialId, {
        kind,
        status,
        ...validity,
        phase: phaseAt(validity, issuedAt),
      });
    }
    case 'CredentialStatusChanged':
      return withStatus(device, credentialId, event.data.to);
    case 'CredentialValidityChanged': {
      const { kind, status, to, changedAt } = event.data;
      return withCredential(device, credentialId, { kind, status, ...to, phase: phaseAt(to, changedAt) });
    }
    case 'CredentialBegan':
      return withPhase(device, credentialId, 'within');
    case 'CredentialExpired':
      return withPhase(device, credentialId, 'after');
    case 'CredentialRemoved': {
      const left = Object.entries(device.credentials).filter(([id]) => id !== credentialId);
      return { ...device, credentials: Object.fromEntries(left) };
    }
  }
};

const withCredential = (
  device: ExistingDevice,
  credentialId: string,
  credential: CredentialState,
): ExistingDevice => ({
  ...device,
  credentials: { ...device.credentials, [credentialId]: credential },
});

const withStatus = (
  device: ExistingDevice,
  credentialId: string,
  status: CredentialStatus,
): ExistingDevice => {
  const before = device.credentials[credentialId];
  return before === undefined ? device : withCredential(device, credentialId, { ...before, status });
};

const withPhase = (
  device: ExistingDevice,
  credentialId: string,
  phase: CredentialState['phase'],
): ExistingDevice => {
  const before = device.credentials[credentialId];
  return before === undefined ? device : withCredential(device, credentialId, { ...before, phase });
};

const refused = (path: string, message: string): AppError =>
  new AppError('invalid-request', `${path} ${message}.`, { errors: [{ path, message }] });
