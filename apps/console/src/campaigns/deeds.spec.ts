import { describe, expect, it } from '@jest/globals';
import type { Gate } from './batch-plan.js';
import type { Campaign, Happening } from './campaigns.queries.js';
import { deedOf, standsAlone } from './deeds.js';

const deed = (over: Partial<Happening>): string =>
  deedOf(
    {
      ...{ version: 1, at: '2026-01-01T00:00:00.000Z', what: 'paused' },
      by: { kind: 'user', id: 'anna' },
      ...over,
    },
    [batch(1, { maxFailurePercent: 5 }), batch(2)],
  );
const batch = (index: number, gate?: Gate): Campaign['batches'][number] => ({
  ...{ index, status: 'passed', size: 8 },
  ...(gate === undefined ? {} : { gate }),
});
const itself = { kind: 'system', id: 'campaign-orchestrator' } as const;

describe('what happened to a campaign', () => {
  it('follows the name of who did it, and stands alone where nobody did', () => {
    expect(deed({ what: 'batch_released', batch: 2, detail: '8 devices' })).toBe(
      'released batch 2: 8 devices',
    );
    expect(deed({ what: 'batch_released', batch: 2, detail: '8 devices', by: itself })).toBe(
      'Batch 2 went by itself: 8 devices',
    );
    expect(deed({ detail: 'by an operator' })).toBe('paused it: by an operator');
    expect(deed({ detail: '4 of 50 have failed', by: itself })).toBe('It paused itself: 4 of 50 have failed');
    expect(deed({ what: 'launched', by: itself })).toBe('It launched itself');
  });

  it('tells a sentence of its own from one that a name leads in', () => {
    expect(standsAlone(deed({ what: 'cancelled' }))).toBe(true);
    expect(standsAlone(deed({ what: 'cancel_requested', detail: 'force' }))).toBe(false);
  });

  it('says of a batch without a gate that it is done, since nothing has judged it', () => {
    expect(deed({ what: 'batch_passed', batch: 2 })).toBe('Batch 2 is done');
  });

  it('says what was done against a gate', () => {
    expect(deed({ what: 'resumed', overridden: true })).toBe('resumed it, past its gate');
    expect(deed({ what: 'resumed', overridden: false })).toBe('resumed it');
    expect(deed({ what: 'batch_passed', batch: 1, overridden: true })).toBe(
      'Batch 1 was let go past its gate',
    );
    expect(deed({ what: 'batch_passed', batch: 1 })).toBe('Batch 1 passed its gate');
    expect(deed({ what: 'gate_answered', batch: 1, answer: 'inconclusive' })).toBe(
      'The gate of batch 1: cannot tell',
    );
  });
});
