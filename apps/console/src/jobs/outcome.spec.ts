import { describe, expect, it } from '@jest/globals';
import { doneOf, jobState } from './outcome.js';

describe('what a job has done', () => {
  it('is without what failed, and of a campaign what is written', () => {
    expect(doneOf({ kind: 'device-import', done: 11, failed: 11 })).toBe(0);
    expect(doneOf({ kind: 'device-bulk', done: 11, failed: 1 })).toBe(10);
    expect(doneOf({ kind: 'campaign-batch', done: 11, failed: 1 })).toBe(11);
  });
});

describe('what a job is shown as', () => {
  it('is no failure where a dry run has found rows that would fail', () => {
    expect(jobState({ kind: 'device-import-dry-run', status: 'failed' })).toBe('found_faults');
    expect(jobState({ kind: 'device-import-dry-run', status: 'cancelled' })).toBe('cancelled');
    expect(jobState({ kind: 'device-import', status: 'failed' })).toBe('failed');
  });
});
