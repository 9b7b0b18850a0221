import { AppError } from '@muster/contracts';
import type { TokenStatus } from '@muster/contracts/device-registry/tokens.requests';
import type { ExistingDevice, TokenTime } from '../device/device-state.js';
import type {
  EndpointTokenBegan,
  EndpointTokenExpired,
  EndpointTokenIssued,
  EndpointTokenRemoved,
  EndpointTokenStatusChanged,
  EndpointTokenValidityChanged,
} from '../device/device.events.js';
import { boundsOf, editedValidity, isBounded, phaseAt, type Validity } from '../validity.js';

export interface NewToken {
  readonly tokenId: string;
  readonly hint: string;
}

/** Absent ends: without them. */
export interface IssueToken extends NewToken, Validity {
  readonly type: 'IssueToken';
  readonly at: string;
}

/** Absent fields stay; null: without that end. */
export interface EditToken {
  readonly type: 'EditToken';
  readonly tokenId: string;
  readonly status?: 'active' | 'suspended' | 'revoked' | undefined;
  readonly validFrom?: string | null | undefined;
  readonly validUntil?: string | null | undefined;
  readonly at: string;
}

/** Tells that its time has come or is over, once. */
export interface ObserveToken {
  readonly type: 'ObserveToken';
  readonly tokenId: string;
  readonly at: string;
}

export interface RemoveToken {
  readonly type: 'RemoveToken';
  readonly tokenId: string;
}

export const tokenIssued = ({ tokenId, hint }: NewToken, issuedAt: string): EndpointTokenIssued => ({
  type: 'EndpointTokenIssued',
  data: { tokenId, hint, issuedAt },
});

export const issueToken = (
  { tokenId, hint, at, ...validity }: IssueToken,
  device: ExistingDevice,
): readonly EndpointTokenIssued[] => {
  if (device.tokens[tokenId] !== undefined) return [];
  const issued = tokenIssued({ tokenId, hint }, at);
  return [{ ...issued, data: { ...issued.data, ...editedValidity('', {}, boundsOf(validity), at) } }];
};

export const editToken = (
  { tokenId, status, at, ...window }: EditToken,
  device: ExistingDevice,
): readonly (EndpointTokenStatusChanged | EndpointTokenValidityChanged)[] => {
  const before = tokenStatus(device, tokenId);
  const from = tokenValidity(device, tokenId);
  const to = editedValidity('edit', from, window, at);
  const isMoved = from.validFrom !== to.validFrom || from.validUntil !== to.validUntil;
  if (isMoved && before === 'revoked')
    throw new AppError('token-status-final', 'The token is revoked; issue another one.');
  return [
    ...(isMoved
      ? [
          {
            type: 'EndpointTokenValidityChanged' as const,
            data: { tokenId, status: before, from, to, changedAt: at },
          },
        ]
      : []),
    ...(status === undefined ? [] : changeTokenStatus({ tokenId, status }, device)),
  ];
};

export const observeToken = (
  { tokenId, at }: ObserveToken,
  device: ExistingDevice,
): readonly (EndpointTokenBegan | EndpointTokenExpired)[] => {
  const time = device.tokenTimes?.[tokenId];
  const status = device.tokens[tokenId];
  if (time === undefined || status === undefined) return [];
  const phase = phaseAt(time, at);
  if (phase === time.phase || phase === 'before') return [];
  const data = { tokenId, status, ...boundsOf(time) };
  return [{ type: phase === 'within' ? 'EndpointTokenBegan' : 'EndpointTokenExpired', data }];
};

export const changeTokenStatus = (
  { tokenId, status: to }: { readonly tokenId: string; readonly status: 'active' | 'suspended' | 'revoked' },
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
  return withTime({ ...device, tokens: Object.fromEntries(tokens) }, tokenId, undefined);
};

const tokenValidity = (device: ExistingDevice, tokenId: string): Validity =>
  boundsOf(device.tokenTimes?.[tokenId] ?? {});

type TimeEvent =
  EndpointTokenIssued | EndpointTokenValidityChanged | EndpointTokenBegan | EndpointTokenExpired;

export const evolveTokenTime = (device: ExistingDevice, event: TimeEvent): ExistingDevice => {
  const { tokenId } = event.data;
  switch (event.type) {
    case 'EndpointTokenIssued':
      return withTime(device, tokenId, timeAt(event.data, event.data.issuedAt));
    case 'EndpointTokenValidityChanged':
      return withTime(device, tokenId, timeAt(event.data.to, event.data.changedAt));
    case 'EndpointTokenBegan':
    case 'EndpointTokenExpired': {
      const phase = event.type === 'EndpointTokenBegan' ? 'within' : 'after';
      return withTime(device, tokenId, { ...boundsOf(event.data), phase });
    }
  }
};

const timeAt = (validity: Validity, at: string): TokenTime | undefined =>
  isBounded(validity) ? { ...boundsOf(validity), phase: phaseAt(validity, at) } : undefined;

/** Undefined: it is not limited. A device none of whose tokens is has no times at all. */
const withTime = (device: ExistingDevice, tokenId: string, time: TokenTime | undefined): ExistingDevice => {
  const { tokenTimes = {}, ...rest } = device;
  const others = Object.entries(tokenTimes).filter(([id]) => id !== tokenId);
  const times = time === undefined ? others : [...others, [tokenId, time] as const];
  return times.length === 0 ? rest : { ...rest, tokenTimes: Object.fromEntries(times) };
};

export const withToken = (device: ExistingDevice, tokenId: string, status: TokenStatus): ExistingDevice => ({
  ...device,
  tokens: { ...device.tokens, [tokenId]: status },
});
