import { describe, expect, it } from '@jest/globals';
import { scenario } from '@muster/testing';
import { decide, evolve, initial, type StoreUpload } from './upload.decider.js';
import type { UploadEvent } from './upload.events.js';

const upload = scenario({ initial, evolve, decide });
const at = '2026-01-01T00:00:01.000Z';
const file = { deviceId: 'd1', fileKey: 'k1', name: 'a.log', size: 3, sha256: 'aa' };
const store: StoreUpload = { type: 'StoreUpload', ...file, contentType: 'text/plain', at };
const stored: UploadEvent = {
  type: 'UploadStored',
  data: { ...file, contentType: 'text/plain', storedAt: at },
};
const removed: UploadEvent = {
  type: 'UploadRemoved',
  data: { deviceId: 'd1', fileKey: 'k1', reason: 'too-old', removedAt: at },
};
const remove = { type: 'RemoveUpload', deviceId: 'd1', reason: 'too-old', at } as const;

describe('StoreUpload', () => {
  it('records the file', () => {
    upload.given([]).when(store).then([stored]);
  });

  it('does not bring a removed one back', () => {
    upload.given([stored, removed]).when(store).thenThrows('file-not-found');
  });
});

describe('RemoveUpload', () => {
  it('names the file that may go', () => {
    upload.given([stored]).when(remove).then([removed]);
  });

  it('refuses what was never there, and what is of another device', () => {
    upload.given([]).when(remove).thenThrows('file-not-found');
    upload
      .given([stored])
      .when({ ...remove, deviceId: 'd2' })
      .thenThrows('file-not-found');
  });
});

/** As they lie in the table, version 1. Never edited: a changed shape is a new version with an upcast, and a new line. */
const lines = `
{"type":"UploadStored","data":{"deviceId":"d1","fileKey":"k1","name":"a.log","size":3,"sha256":"aa","contentType":"text/plain","storedAt":"2026-01-01T00:00:01.000Z"}}
{"type":"UploadRemoved","data":{"deviceId":"d1","fileKey":"k1","reason":"overwritten","removedAt":"2026-01-01T00:00:02.000Z"}}
`;

describe('stored events of an upload', () => {
  it('are still read', () => {
    const events = lines
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as UploadEvent);
    expect(events.reduce(evolve, initial)).toMatchObject({
      status: 'removed',
      stored: { deviceId: 'd1', fileKey: 'k1' },
    });
  });
});
