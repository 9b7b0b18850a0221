import { describe, expect, it } from '@jest/globals';
import { targetDraftOf, targetIn } from './target-draft.js';

const empty = targetDraftOf(undefined);

describe('which devices a campaign is for', () => {
  it('comes out as it went in', () => {
    for (const target of [
      { filter: 'deviceType==lamp' },
      { deviceIds: ['a', 'b'] },
      { campaignId: 'c', statuses: ['failed' as const, 'timed_out' as const] },
      { campaignId: 'c' },
    ])
      expect(targetIn(targetDraftOf(target))).toEqual(target);
  });

  it('is all there are only when that was said, and nothing while it is unfinished', () => {
    expect(targetIn(empty)).toBeUndefined();
    expect(targetIn({ ...empty, everything: true })).toEqual({ filter: 'name=exists=true' });
    expect(targetIn({ ...empty, everything: true, unfinished: true })).toBeUndefined();
    expect(targetIn({ ...empty, filter: 'name==a', unfinished: true })).toBeUndefined();
    expect(targetIn({ ...empty, by: 'named', named: ' \n' })).toBeUndefined();
    expect(targetIn({ ...empty, by: 'campaign', campaignId: ' ' })).toBeUndefined();
  });
});
