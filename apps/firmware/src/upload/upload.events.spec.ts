import { describe, expect, it } from '@jest/globals';
import { withoutFixture, type NewestVersions } from '@muster/testing';
import { evolve, initial } from './upload.decider.js';
import type { UploadEvent } from './upload.events.js';

/** As they lie in the table, version 1. Never edited: a changed shape is a new version with an upcast, and a new line. */
const stored = `
{"type":"UploadStored","data":{"deviceId":"d1","fileKey":"f1","name":"log.txt","size":12,"sha256":"ab12","contentType":"text/plain","storedAt":"2026-01-01T00:00:00.000Z"}}
{"type":"UploadRemoved","data":{"deviceId":"d1","fileKey":"f1","reason":"too-old","removedAt":"2026-01-01T00:00:01.000Z"}}
`;

const newest: NewestVersions<UploadEvent> = {
  UploadStored: 1,
  UploadRemoved: 1,
};

const events = stored
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as UploadEvent);

describe('stored events of an upload', () => {
  it('have a fixture of every type and version', () => {
    const versioned = events.map((event) => ({ ...event, schemaVersion: 1 }));
    expect(withoutFixture(versioned, newest)).toEqual([]);
  });

  it('are still read', () => {
    expect(events.reduce(evolve, initial)).toEqual({
      status: 'removed',
      stored: {
        deviceId: 'd1',
        fileKey: 'f1',
        name: 'log.txt',
        size: 12,
        sha256: 'ab12',
        contentType: 'text/plain',
        storedAt: '2026-01-01T00:00:00.000Z',
      },
    });
  });
});
