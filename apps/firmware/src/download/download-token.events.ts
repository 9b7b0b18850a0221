/** An operator made a token that opens a firmware for whoever has it. Its text is in no event, nor its hash. */
export interface DownloadTokenIssued {
  readonly type: 'DownloadTokenIssued';
  readonly data: {
    readonly firmwareId: string;
    /** What it is for. */
    readonly name?: string;
    readonly issuedAt: string;
    readonly expiresAt: string;
  };
}

/** The last event of the stream. */
export interface DownloadTokenRevoked {
  readonly type: 'DownloadTokenRevoked';
  readonly data: { readonly firmwareId: string; readonly revokedAt: string };
}

export type DownloadTokenEvent = DownloadTokenIssued | DownloadTokenRevoked;
