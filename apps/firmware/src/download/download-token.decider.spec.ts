import { describe, it } from '@jest/globals';
import { scenario } from '@muster/testing';
import { downloadToken } from './download-token.decider.js';
import type { DownloadTokenEvent } from './download-token.events.js';

const at = '2026-01-01T00:00:00.000Z';
const issued: DownloadTokenEvent = {
  type: 'DownloadTokenIssued',
  data: { firmwareId: 'f1', name: 'rollout', issuedAt: at, expiresAt: '2026-01-01T01:00:00.000Z' },
};
const revoked: DownloadTokenEvent = {
  type: 'DownloadTokenRevoked',
  data: { firmwareId: 'f1', revokedAt: at },
};
const revoke = { type: 'RevokeDownloadToken', firmwareId: 'f1', at } as const;
const token = scenario(downloadToken);

describe('IssueDownloadToken', () => {
  const issue = { type: 'IssueDownloadToken', firmwareId: 'f1', ttlSeconds: 3_600, at } as const;

  it('says until when it opens the firmware', () => {
    token
      .given([])
      .when({ ...issue, name: 'rollout' })
      .then([issued]);
  });

  it('does nothing for one that was issued, or revoked since', () => {
    token.given([issued]).when(issue).then([]);
    token.given([issued, revoked]).when(issue).then([]);
  });
});

describe('RevokeDownloadToken', () => {
  it('ends it, once', () => {
    token.given([issued]).when(revoke).then([revoked]);
  });

  it('finds neither one that was never issued nor one of another firmware', () => {
    token.given([]).when(revoke).thenThrows('download-token-not-found');
    token
      .given([issued])
      .when({ ...revoke, firmwareId: 'f2' })
      .thenThrows('download-token-not-found');
  });
});
