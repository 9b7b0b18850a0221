import { AppError } from '@muster/contracts';
import type { CredentialStatus } from '@muster/contracts/device-registry/credentials.requests';
import type { CredentialKind, DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import type { ExistingDevice } from '../device/device-state.js';
import type {
  CredentialIssued,
  CredentialRemoved,
  CredentialStatusChanged,
} from '../device/device.events.js';

export interface IssueCredential {
  readonly type: 'IssueCredential';
  readonly credentialId: string;
  readonly kind: CredentialKind;
  readonly at: string;
}

export interface ChangeCredentialStatus {
  readonly type: 'ChangeCredentialStatus';
  readonly credentialId: string;
  readonly status: CredentialStatus;
}

export interface RemoveCredential {
  readonly type: 'RemoveCredential';
  readonly credentialId: string;
}

/** `kind` undefined: the one of the interface. The id is for a secret, if there is to be one. */
export interface FirstCredential {
  readonly kind: CredentialKind | undefined;
  readonly credentialId: string;
}

/** The one a device uses, and the one it is being moved to. */
export const MAX_ACTIVE_SECRETS = 2;

/** What a device of this interface is provisioned with, besides its token. Throws `invalid-request`. */
export const firstCredential = (
  of: DeviceInterface,
  { kind, credentialId }: FirstCredential,
  at: string,
): readonly CredentialIssued[] =>
  credentialKind('device.credential.kind', of, kind) === 'secret' ? [secretIssued(credentialId, at)] : [];

export const issueCredential = (
  { credentialId, kind, at }: IssueCredential,
  device: ExistingDevice,
): readonly CredentialIssued[] => {
  if (device.secrets[credentialId] !== undefined) return [];
  if (credentialKind('kind', device.interface, kind) === 'token') throw tokensAreIssuedElsewhere();
  if (Object.values(device.secrets).filter((status) => status === 'active').length >= MAX_ACTIVE_SECRETS) {
    throw new AppError(
      'credential-limit-reached',
      `A device has at most ${MAX_ACTIVE_SECRETS} active secrets; revoke one first.`,
    );
  }
  return [secretIssued(credentialId, at)];
};

export const changeCredentialStatus = (
  { credentialId, status: to }: ChangeCredentialStatus,
  device: ExistingDevice,
): readonly CredentialStatusChanged[] => {
  const from = Object.hasOwn(device.secrets, credentialId) ? device.secrets[credentialId] : undefined;
  if (from === undefined) throw new AppError('credential-not-found', 'The device has no such credential.');
  if (from === to) return [];
  if (from === 'revoked') {
    throw new AppError('credential-status-final', 'The credential is revoked; issue another one.');
  }
  return [{ type: 'CredentialStatusChanged', data: { credentialId, kind: 'secret', from, to } }];
};

/** As for tokens. */
export const removeCredential = (
  { credentialId }: RemoveCredential,
  device: ExistingDevice,
): readonly CredentialRemoved[] => {
  if (!Object.hasOwn(device.secrets, credentialId)) return [];
  if (device.secrets[credentialId] !== 'revoked') {
    throw new AppError('credential-not-revoked', 'Revoke the credential first.');
  }
  return [{ type: 'CredentialRemoved', data: { credentialId } }];
};

export const withoutSecret = (device: ExistingDevice, credentialId: string): ExistingDevice => {
  const secrets = Object.entries(device.secrets).filter(([id]) => id !== credentialId);
  return { ...device, secrets: Object.fromEntries(secrets) };
};

export const withSecret = (
  device: ExistingDevice,
  credentialId: string,
  status: CredentialStatus,
): ExistingDevice => ({ ...device, secrets: { ...device.secrets, [credentialId]: status } });

const secretIssued = (credentialId: string, issuedAt: string): CredentialIssued => ({
  type: 'CredentialIssued',
  data: { credentialId, kind: 'secret', issuedAt },
});

/** The kind a device of this interface gets, `wanted` or not. Throws `invalid-request` naming `path` where they do not go together. */
const credentialKind = (
  path: string,
  of: DeviceInterface,
  wanted: CredentialKind | undefined,
): CredentialKind => {
  const kind = of === 'http' ? 'secret' : 'token';
  // Null passes the contract's rules and means the same as absent.
  if ((wanted ?? kind) === kind) return kind;
  throw refused(
    path,
    of === 'http'
      ? 'must be secret for interface http: HTTP devices have a secret that the platform generates; whether the endpoint ' +
          'token is enough as well is a setting of the device type (httpTokenOnly)'
      : `must be token for interface ${of}: secrets are for HTTP devices`,
  );
};

/** For a device whose credential is its token: nothing is left to issue but tokens. */
const tokensAreIssuedElsewhere = (): AppError =>
  refused(
    'kind',
    'must be secret, for devices of interface http: endpoint tokens are issued as tokens, not as credentials',
  );

const refused = (path: string, message: string): AppError =>
  new AppError('invalid-request', `${path} ${message}.`, { errors: [{ path, message }] });
