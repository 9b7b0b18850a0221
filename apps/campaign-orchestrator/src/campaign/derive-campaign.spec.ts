import { describe, expect, it } from '@jest/globals';
import type { Campaign } from './campaign-state.js';
import {
  batchOf,
  cancel,
  complete,
  create,
  definitionOf,
  finishCancel,
  gate,
  launch,
  resolve,
  stateAfter,
} from './campaigns.fixture.js';
import { derivedFrom, type Derivation } from './derive-campaign.js';

const source = {
  batches: [batchOf({ gate }), batchOf()],
  spacingSeconds: 60,
  startAt: null,
  endAt: '2026-03-01T00:00:00.000Z',
};
const ended = stateAfter(create(source), launch(), resolve(1, 1), complete);
const derive = (how: Derivation, state: Campaign, name?: string) => derivedFrom(how, 'c1', state, name);

describe('a retry', () => {
  it('is for those that failed, with the same values and one batch', () => {
    expect(derive('retry', ended)).toEqual(
      definitionOf({
        ...source,
        name: 'warmer (retry)',
        endAt: null,
        target: { campaignId: 'c1', statuses: ['failed', 'timed_out'] },
        batches: [batchOf()],
      }),
    );
  });

  it('of a revert stays a revert', () => {
    const reverting = stateAfter(
      create({ configurations: {}, revertOf: 'c0' }),
      launch(),
      resolve(2),
      complete,
    );
    expect(derive('retry', reverting)).toMatchObject({ revertOf: 'c0', target: { campaignId: 'c1' } });
  });

  it('is made of a cancelled one as well, once that has ended', () => {
    const ending = [create(), launch(), resolve(2), cancel()];
    expect(() => derive('retry', stateAfter(...ending))).toThrow(
      'The campaign is running; to retry it is possible in completed, cancelled.',
    );
    expect(derive('retry', stateAfter(...ending, finishCancel)).name).toBe('warmer (retry)');
  });
});

describe('a revert', () => {
  it('is for all its devices and has no values of its own', () => {
    expect(derive('revert', ended, 'back')).toMatchObject({
      name: 'back',
      target: { campaignId: 'c1', statuses: null },
      configurations: {},
      expectedStates: {},
      revertOf: 'c1',
    });
  });

  it('is not made of a revert, nor where nothing was written', () => {
    const none = stateAfter(
      create({ configurations: {}, expectedStates: { v: 1 } }),
      launch(),
      resolve(2),
      complete,
    );
    expect(() => derive('revert', none)).toThrow(/campaign-not-revertable/);
    const reverting = stateAfter(
      create({ configurations: {}, revertOf: 'c0' }),
      launch(),
      resolve(2),
      complete,
    );
    expect(() => derive('revert', reverting)).toThrow(/campaign-not-revertable/);
  });

  it('is not made of one that never began', () => {
    expect(() => derive('revert', stateAfter(create(), cancel()))).toThrow(/before it was launched/);
    expect(() => derive('revert', stateAfter(create(), launch(), cancel(), finishCancel))).toThrow(
      /before it was launched/,
    );
  });
});

describe('a copy', () => {
  it('has the same plan and no dates', () => {
    expect(derive('copy', stateAfter(create(source)))).toEqual(
      definitionOf({ ...source, name: 'warmer (copy)', endAt: null }),
    );
  });

  it('is named as far as there is room, in whole characters', () => {
    for (const name of ['😀'.repeat(64), `a${'😀'.repeat(63)}`])
      for (const how of ['copy', 'retry'] as const) {
        const made = derive(how, stateAfter(create({ name }), launch(), resolve(2), complete));
        expect(made.name).toMatch(/^a?😀{59,60} \((copy|retry)\)$/u);
      }
  });

  it('is made of nothing that was deleted', () => {
    const deleted = stateAfter(create(), { type: 'DeleteCampaign', at: '2026-01-01T00:00:09.000Z' });
    expect(() => derive('copy', deleted)).toThrow(/campaign-not-found/);
  });
});
