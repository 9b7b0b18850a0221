import { AppError } from '@muster/contracts';
import type { DownloadTokenEvent } from './download-token.events.js';

/** Survives JSON: it is stored beside the stream. */
export interface DownloadToken {
  readonly status: 'absent' | 'issued' | 'revoked';
  /** null: not issued. */
  readonly firmwareId: string | null;
}

export const initial: DownloadToken = { status: 'absent', firmwareId: null };

export interface IssueDownloadToken {
  readonly type: 'IssueDownloadToken';
  readonly firmwareId: string;
  readonly name?: string;
  readonly ttlSeconds: number;
  readonly at: string;
}

export interface RevokeDownloadToken {
  readonly type: 'RevokeDownloadToken';
  /** Another firmware's token is as good as none. */
  readonly firmwareId: string;
  readonly at: string;
}

export type DownloadTokenCommand = IssueDownloadToken | RevokeDownloadToken;

/** Pure. No events when the command is already satisfied. Throws `download-token-not-found`. */
export const decide = (
  command: DownloadTokenCommand,
  state: DownloadToken,
): readonly DownloadTokenEvent[] => {
  const { firmwareId, at } = command;
  switch (command.type) {
    case 'IssueDownloadToken': {
      if (state.status !== 'absent') return [];
      const { name, ttlSeconds } = command;
      const expiresAt = new Date(Date.parse(at) + ttlSeconds * 1_000).toISOString();
      const named = name === undefined ? {} : { name };
      return [{ type: 'DownloadTokenIssued', data: { firmwareId, ...named, issuedAt: at, expiresAt } }];
    }
    case 'RevokeDownloadToken':
      if (state.firmwareId !== firmwareId) throw tokenNotFound();
      if (state.status === 'revoked') return [];
      return [{ type: 'DownloadTokenRevoked', data: { firmwareId, revokedAt: at } }];
  }
};

export const tokenNotFound = (): AppError =>
  new AppError('download-token-not-found', 'The firmware has no such download token.');

export const evolve = (_state: DownloadToken, { type, data }: DownloadTokenEvent): DownloadToken => ({
  status: type === 'DownloadTokenIssued' ? 'issued' : 'revoked',
  firmwareId: data.firmwareId,
});

/** The stream `download-token-<id>`. */
export const downloadToken = { name: 'download-token', initial, evolve, decide } as const;
