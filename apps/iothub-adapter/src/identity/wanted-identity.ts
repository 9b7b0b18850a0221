import type { AccessEntry } from '@muster/contracts/device-registry/access.requests';
import { outOfTime } from '@muster/uplink';

/** An identity as a hub is to have it. `thumbprints`: SHA-256, hexadecimal capitals, at most two. */
export interface WantedIdentity {
  readonly status: 'enabled' | 'disabled';
  readonly authentication:
    | { readonly type: 'sas' }
    | { readonly type: 'selfSigned'; readonly thumbprints: readonly string[] }
    | { readonly type: 'certificateAuthority' };
}

/**
 * What a hub is to have for an endpoint token: an identity of that name, enabled while the token opens something. Undefined:
 * nothing, because the device is of another interface, or the token is revoked, which is for ever.
 */
export const wantedOf = (entry: AccessEntry): WantedIdentity | undefined => {
  if (entry.interface !== 'iothub' || entry.tokenStatus === 'revoked') return undefined;
  const isOpen =
    entry.tokenStatus !== 'suspended' &&
    entry.deviceStatus === undefined &&
    entry.credentialKinds.some((kind) => LET_IN.includes(kind)) &&
    outOfTime(entry) === undefined;
  return { status: isOpen ? 'enabled' : 'disabled', authentication: authenticationOf(entry) };
};

/** By which a hub lets devices in; others are of an interface that the device had before. */
const LET_IN: readonly string[] = ['token', 'self-signed', 'ca-signed'];

/** A device that has several kinds is let in by the strictest: a hub knows one kind for each identity. */
const authenticationOf = ({
  credentialKinds,
  secretHashes,
}: AccessEntry): WantedIdentity['authentication'] => {
  if (credentialKinds.includes('self-signed')) {
    return { type: 'selfSigned', thumbprints: secretHashes.map((hash) => hash.toUpperCase()) };
  }
  return { type: credentialKinds.includes('ca-signed') ? 'certificateAuthority' : 'sas' };
};
