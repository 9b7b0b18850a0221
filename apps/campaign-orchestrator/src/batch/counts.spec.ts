import { describe, expect, it } from '@jest/globals';
import { TARGET_STATUSES } from '@muster/contracts/campaign-orchestrator/campaign';
import { everyStatus, statusCounts } from './counts.js';

describe('counts of targets', () => {
  const counts = { written: 3, synced: 2, succeeded: 1, failed: 0, late: 1 };

  it('are told for every status where they are read one by one', () => {
    const all = everyStatus(counts);
    expect(Object.keys(all)).toEqual(TARGET_STATUSES);
    expect(all).toMatchObject({ written: 3, succeeded: 1, failed: 0, removed: 0 });
  });

  it('are told for what is there where many of them are kept', () => {
    expect(statusCounts(counts)).toEqual({ written: 3, succeeded: 1 });
  });
});
