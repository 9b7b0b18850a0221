import { describe, expect, it } from '@jest/globals';
import { withoutFixture, type NewestVersions } from '@muster/testing';
import { evolve, initial } from './download-token.decider.js';
import type { DownloadTokenEvent } from './download-token.events.js';

/** As they lie in the table, version 1. Never edited: a changed shape is a new version with an upcast, and a new line. */
const stored = `
{"type":"DownloadTokenIssued","data":{"firmwareId":"f1","name":"rollout","issuedAt":"2026-01-01T00:00:00.000Z","expiresAt":"2026-01-31T00:00:00.000Z"}}
{"type":"DownloadTokenRevoked","data":{"firmwareId":"f1","revokedAt":"2026-01-01T00:00:01.000Z"}}
`;

const newest: NewestVersions<DownloadTokenEvent> = { DownloadTokenIssued: 1, DownloadTokenRevoked: 1 };

const events = stored
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as DownloadTokenEvent);

describe('stored events of a download token', () => {
  it('have a fixture of every type and version', () => {
    const versioned = events.map((event) => ({ ...event, schemaVersion: 1 }));
    expect(withoutFixture(versioned, newest)).toEqual([]);
  });

  it('are still read', () => {
    expect(events.reduce(evolve, initial)).toEqual({ status: 'revoked', firmwareId: 'f1' });
  });
});
