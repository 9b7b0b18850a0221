import { describe, expect, it } from '@jest/globals';
import { initial, type DeviceConfiguration } from './configuration-state.js';
import { isDue, isDueAfterChange, isDueSince, syncStateOf } from './sync-state.js';

const at = '2026-01-01T00:00:00.000Z';
const configured: DeviceConfiguration = { ...initial, version: 1, streamVersion: 1, configId: 'a' };
const sent = (configId: string, reachedAt: string | null): DeviceConfiguration['dispatched'] => ({
  configId,
  subscriber: reachedAt !== null,
  at,
  reachedAt,
});
const applied = { configId: 'a', at, rejection: null };
const rejected = { configId: 'a', at, rejection: { statusCode: 400 } };
const after = (seconds: number) => new Date(Date.parse(at) + seconds * 1_000);
const stateOf = (state: DeviceConfiguration, seconds = 1) => syncStateOf(state, after(seconds), 60_000);

describe('syncStateOf', () => {
  it('is none without a document', () => {
    expect(stateOf(initial)).toBe('none');
    expect(stateOf({ ...initial, confirmation: { ...applied, configId: '' } })).toBe('none');
  });

  it('is pending until somebody took the current document', () => {
    expect(stateOf(configured)).toBe('pending');
    expect(stateOf({ ...configured, dispatched: sent('a', null) })).toBe('pending');
    expect(stateOf({ ...configured, dispatched: sent('older', at) })).toBe('pending');
  });

  it('is dispatched until the device has been silent for too long', () => {
    const dispatched = { ...configured, dispatched: sent('a', at) };
    expect([stateOf(dispatched, 60), stateOf(dispatched, 61)]).toEqual(['dispatched', 'unconfirmed']);
  });

  it('is what the device said of the current document', () => {
    expect(stateOf({ ...configured, confirmation: applied })).toBe('in_sync');
    expect(stateOf({ ...configured, confirmation: rejected, dispatched: sent('a', at) })).toBe('rejected');
  });

  it('does not count what the device said of another', () => {
    expect(stateOf({ ...configured, confirmation: { ...applied, configId: 'older' } })).toBe('pending');
    expect(stateOf({ ...configured, strayReport: rejected })).toBe('pending');
  });
});

describe('isDue', () => {
  it('is true until the device answered, however often it was sent', () => {
    expect(isDue(configured)).toBe(true);
    expect(isDue({ ...configured, dispatched: sent('a', at) })).toBe(true);
    expect(isDue({ ...configured, observe: true })).toBe(true);
  });

  it.each([
    ['there is no document', initial],
    ['it was applied', { ...configured, confirmation: applied }],
    ['it was refused', { ...configured, confirmation: rejected }],
    ['the device wants to be left alone', { ...configured, observe: false }],
    ['the device was deleted', { ...configured, ended: true }],
  ])('is false when %s', (_what, state) => {
    expect(isDue(state)).toBe(false);
  });
});

describe('isDueAfterChange', () => {
  it('is true until somebody was sent the document since the change', () => {
    expect(isDueAfterChange(configured)).toBe(true);
    expect(isDueAfterChange({ ...configured, dispatched: sent('a', at) })).toBe(true);
    expect(isDueAfterChange({ ...configured, sentSinceChange: true })).toBe(false);
  });

  it('is false where the document is not due at all', () => {
    expect(isDueAfterChange({ ...configured, observe: false })).toBe(false);
    expect(isDueAfterChange({ ...configured, confirmation: applied })).toBe(false);
  });
});

describe('isDueSince', () => {
  const sentAt = { ...configured, dispatched: sent('a', at) };
  const [before, later] = ['2025-12-31T23:59:59.999Z', '2026-01-01T00:00:00.001Z'];

  it('is false for a document that was put on the wire after the device became reachable', () => {
    expect(isDueSince(sentAt, before)).toBe(false);
  });

  it.each([
    ['it was sent before that', sentAt, later],
    ['nobody says since when', sentAt, undefined],
    ['another document was sent', { ...configured, dispatched: sent('older', at) }, before],
    ['nobody was there for it', { ...configured, dispatched: sent('a', null) }, before],
  ])('is true when %s', (_what, state, reachableAt) => {
    expect(isDueSince(state, reachableAt)).toBe(true);
  });
});
