import { AppError } from '@muster/contracts';
import type { TokenStatus } from '@muster/contracts/device-registry/tokens.requests';
import type { ExistingDevice } from '../device/device-state.js';
import type {
  EndpointTokenIssued,
  EndpointTokenRemoved,
  EndpointTokenStatusChanged,
} from '../device/device.events.js';

export interface NewToken {
  readonly tokenId: string;
  readonly hint: string;
}

export interface IssueToken extends NewToken {
  readonly type: 'IssueToken';
  readonly at: string;
}

export interface ChangeTokenStatus {
  readonly type: 'ChangeTokenStatus';
  readonly tokenId: string;
  readonly status: 'active' | 'suspended' | 'revoked';
}

export interface RemoveToken {
  readonly type: 'RemoveToken';
  readonly tokenId: string;
}

export const tokenIssued = ({ tokenId, hint }: NewToken, issuedAt: string): EndpointTokenIssued => ({
  type: 'EndpointTokenIssued',
  data: { tokenId, hint, issuedAt },
});

export const issueToken = (command: IssueToken, device: ExistingDevice): readonly EndpointTokenIssued[] =>
  device.tokens[command.tokenId] === undefined ? [tokenIssued(command, command.at)] : [];

export const changeTokenStatus = (
  { tokenId, status: to }: Pick<ChangeTokenStatus, 'tokenId' | 'status'>,
  device: ExistingDevice,
): readonly EndpointTokenStatusChanged[] => {
  const from = tokenStatus(device, tokenId);
  if (from === to) return [];
  if (from === 'revoked') {
    throw new AppError('token-status-final', 'The token is revoked; issue another one.');
  }
  return [{ type: 'EndpointTokenStatusChanged', data: { tokenId, from, to } }];
};

/** Gone already: nothing happens. Only what opens nothing any more: whoever removes a token by mistake has not shut a device out. */
export const removeToken = (
  { tokenId }: RemoveToken,
  device: ExistingDevice,
): readonly EndpointTokenRemoved[] => {
  if (!Object.hasOwn(device.tokens, tokenId)) return [];
  if (device.tokens[tokenId] !== 'revoked') {
    throw new AppError('token-not-revoked', 'Revoke the token first.');
  }
  return [{ type: 'EndpointTokenRemoved', data: { tokenId } }];
};

/** Throws `token-not-found`. */
export const tokenStatus = (device: ExistingDevice, tokenId: string): TokenStatus => {
  const status = Object.hasOwn(device.tokens, tokenId) ? device.tokens[tokenId] : undefined;
  if (status === undefined) throw new AppError('token-not-found', 'The device has no such token.');
  return status;
};

export const withoutToken = (device: ExistingDevice, tokenId: string): ExistingDevice => {
  const tokens = Object.entries(device.tokens).filter(([id]) => id !== tokenId);
  return { ...device, tokens: Object.fromEntries(tokens) };
};

export const withToken = (device: ExistingDevice, tokenId: string, status: TokenStatus): ExistingDevice => ({
  ...device,
  tokens: { ...device.tokens, [tokenId]: status },
});
