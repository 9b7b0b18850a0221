import { AppError } from '@muster/contracts';
import type { CredentialKind, DeviceInterface } from '@muster/contracts/device-registry/devices.requests';

/** The one a device uses, and the one it is being moved to. */
export const MAX_ACTIVE_SECRETS = 2;

/** The kind a device of this interface gets, `wanted` or not. Throws `invalid-request` naming `path` where they do not go together. */
export const credentialKind = (
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
export const tokensAreIssuedElsewhere = (): AppError =>
  refused(
    'kind',
    'must be secret, for devices of interface http: endpoint tokens are issued as tokens, not as credentials',
  );

const refused = (path: string, message: string): AppError =>
  new AppError('invalid-request', `${path} ${message}.`, { errors: [{ path, message }] });
