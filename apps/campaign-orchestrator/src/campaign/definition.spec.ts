import { describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import { CampaignInput } from '@muster/contracts/campaign-orchestrator/campaign';
import { invalidFields } from '@muster/messaging';
import { definitionOf as fixture } from './campaigns.fixture.js';
import { assertDefinition, assertInput } from './definition-rules.js';
import { definitionOf, editedDefinition } from './definition.js';

const defaults = { ratePerMinute: 1_000, deadlineSeconds: 86_400 };
const limits = { devices: 3, ratePerMinute: 5_000, valuesBytes: 100 };

const input = (more: object = {}): CampaignInput => ({
  name: 'warmer',
  target: { deviceIds: ['d1', 'd2', 'd1'] },
  configurations: { a: 1 },
  ...more,
});

/** Code and fields of the refusal; undefined: it is taken. */
const refusal = (more: object, revertOf: string | null = null): string | undefined => {
  try {
    assertInput(input(more));
    assertDefinition(definitionOf(input(more), defaults, revertOf), limits);
    return undefined;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return [error.code, ...(error.errors ?? []).map(({ path }) => path)].join(' ');
  }
};

const detailOf = (more: object): string => {
  try {
    assertDefinition(definitionOf(input(more), defaults), limits);
    return '';
  } catch (error) {
    return (error as AppError).detail;
  }
};

describe('definitionOf', () => {
  it('fills every default in', () => {
    expect(definitionOf(input(), defaults)).toEqual(fixture());
  });

  it('takes null for nothing, and tells times in UTC', () => {
    const given = { description: null, batches: null, retries: null, startAt: '2026-01-31T12:00:00+02:00' };
    expect(definitionOf(input(given), defaults)).toEqual(fixture({ startAt: '2026-01-31T10:00:00.000Z' }));
  });

  it('knows a gate by its defaults', () => {
    const batches = [{ percent: 100, gate: { maxFailurePercent: 5 } }];
    expect(definitionOf(input({ batches }), defaults).batches[0]?.gate).toEqual({
      minSuccessPercent: null,
      maxFailurePercent: 5,
      minSettled: 50,
      soakSeconds: 0,
      maxWaitSeconds: null,
      offline: 'exclude',
    });
  });
});

describe('editedDefinition', () => {
  const before = fixture({ spacingSeconds: 60, maxInFlight: 5, revertOf: 'c0' });

  it('keeps what is not named', () => {
    expect(editedDefinition(before, { name: 'colder' }, defaults)).toEqual({ ...before, name: 'colder' });
    expect(editedDefinition(before, {}, defaults)).toEqual(before);
  });

  it('replaces as a whole, and puts defaults back', () => {
    const edit = {
      configurations: { b: 2 },
      spacingSeconds: null,
      maxInFlight: null,
      target: { filter: 'x==1' },
    };
    expect(editedDefinition(before, edit, defaults)).toEqual({
      ...before,
      configurations: { b: 2 },
      spacingSeconds: 0,
      maxInFlight: null,
      target: { filter: 'x==1' },
    });
  });
});

describe('a definition', () => {
  it.each<readonly [string, object]>([
    ['one batch with all', { batches: [{ percent: 100 }] }],
    ['percentages that end with the rest', { batches: [{ percent: 5 }, { percent: 20 }, { percent: 100 }] }],
    [
      'percentages that are 100 together',
      { batches: [{ percent: 33.3 }, { percent: 33.3 }, { percent: 33.4 }] },
    ],
    [
      'thirds and a tenth, which binary fractions miss',
      { batches: [33.3, 33.3, 33.3, 0.1].map((percent) => ({ percent })) },
    ],
    ['counts, which only the devices can tell', { batches: [{ count: 1 }, { count: 5 }] }],
    ['a canary by name and the rest', { batches: [{ deviceIds: ['d1'] }, { percent: 100 }] }],
    ['a canary by filter', { batches: [{ filter: 'tags==lab' }, { percent: 100 }] }],
    ['expected states alone', { configurations: {}, expectedStates: { v: '1' } }],
    ['a key that is taken back', { configurations: { a: null } }],
    ['a window over midnight', { window: { timeZone: 'Europe/Paris', from: '22:00', to: '05:00' } }],
    ['a gate that only soaks', { batches: [{ percent: 100, gate: { soakSeconds: 5 } }] }],
  ])('may have %s', (_what, more) => {
    expect(refusal(more)).toBeUndefined();
    expect(invalidFields(CampaignInput, input(more), 'refuse')).toEqual([]);
  });

  it.each<readonly [string, object, string]>([
    ['no way to name devices', { target: {} }, 'invalid-request target'],
    ['two ways', { target: { deviceIds: ['a'], campaignId: 'c' } }, 'invalid-request target'],
    [
      'statuses of no campaign',
      { target: { filter: '', statuses: ['failed'] } },
      'invalid-request target.statuses',
    ],
    ['a batch of nothing', { batches: [{ percent: 100 }, {}] }, 'invalid-request batches.1'],
    ['a batch of two kinds', { batches: [{ percent: 100, count: 5 }] }, 'invalid-request batches.0'],
    ['devices left over', { batches: [{ percent: 10 }, { percent: 20 }] }, 'invalid-request batches'],
    [
      'a batch after all devices',
      { batches: [{ percent: 60 }, { percent: 60 }, { count: 1 }] },
      'invalid-request batches.2',
    ],
    ['nothing to do', { configurations: {} }, 'invalid-request configurations'],
    [
      'a window that is never open',
      { window: { timeZone: 'UTC', from: '08:00', to: '08:00' } },
      'invalid-request window.to',
    ],
    [
      'a zone that there is not',
      { window: { timeZone: 'Europe/Atlantis', from: '08:00', to: '09:00' } },
      'invalid-request window.timeZone',
    ],
    [
      'an offset for a zone',
      { window: { timeZone: '+02:00', from: '08:00', to: '09:00' } },
      'invalid-request window.timeZone',
    ],
    [
      'an end before its start',
      { startAt: '2026-02-01T00:00:00Z', endAt: '2026-02-01T00:00:00Z' },
      'invalid-request endAt',
    ],
    ['a gate that asks nothing', { batches: [{ percent: 100, gate: {} }] }, 'invalid-request batches.0.gate'],
    [
      'a gate that gives up before it looks',
      { batches: [{ percent: 100, gate: { soakSeconds: 60, maxWaitSeconds: 60 } }] },
      'invalid-request batches.0.gate.maxWaitSeconds',
    ],
    ['too high a rate', { ratePerMinute: 5_001 }, 'invalid-request ratePerMinute'],
    ['a key with a dot', { configurations: { 'a.b': 1 } }, 'invalid-configuration configurations.a.b'],
    ['a reserved key', { expectedStates: { status: 1 } }, 'invalid-configuration expectedStates.status'],
    [
      'a value that cannot be stored',
      { configurations: { a: 'x\0' } },
      'invalid-configuration configurations.a',
    ],
    ['null expected', { expectedStates: { a: null } }, 'invalid-configuration expectedStates.a'],
    ['too much', { configurations: { a: 'x'.repeat(100) } }, 'configuration-too-large'],
    ['too many devices', { target: { deviceIds: ['a', 'b', 'c', 'd'] } }, 'payload-too-large'],
    [
      'too many in a batch',
      { batches: [{ deviceIds: ['a', 'b', 'c', 'd'] }, { percent: 100 }] },
      'payload-too-large',
    ],
  ])('must not have %s', (_what, more, expected) => {
    expect(refusal(more)).toBe(expected);
  });

  it('tells every fault at once', () => {
    expect(refusal({ configurations: {}, ratePerMinute: 6_000, batches: [{ percent: 1 }] })).toBe(
      'invalid-request configurations batches ratePerMinute',
    );
  });

  it('says how many are left over', () => {
    expect(detailOf({ batches: [{ percent: 10 }, { percent: 22.5 }] })).toBe(
      'batches must add up: 67.5 percent of the devices are left over; end with {"percent": 100}, which takes the rest',
    );
  });

  it('of a revert has no values of its own', () => {
    expect(refusal({ configurations: {} }, 'c0')).toBeUndefined();
    expect(refusal({ configurations: { a: 1 }, expectedStates: { a: 1 } }, 'c0')).toBe(
      'invalid-request configurations expectedStates',
    );
  });

  it.each<readonly [string, object, string]>([
    ['an empty list', { target: { deviceIds: [] } }, 'target.deviceIds'],
    ['no batches', { batches: [] }, 'batches'],
    ['a percentage of nothing', { batches: [{ percent: 0 }] }, 'batches.0.percent'],
    ['more than all', { batches: [{ percent: 101 }] }, 'batches.0.percent'],
    [
      'a gate out of range',
      { batches: [{ percent: 100, gate: { maxFailurePercent: 101 } }] },
      'batches.0.gate.maxFailurePercent',
    ],
    ['a bad time of day', { window: { timeZone: 'UTC', from: '24:00', to: '05:00' } }, 'window.from'],
    [
      'a day that there is not',
      { window: { timeZone: 'UTC', from: '22:00', to: '05:00', days: ['noday'] } },
      'window.days',
    ],
    ['negative spacing', { spacingSeconds: -1 }, 'spacingSeconds'],
    ['a time without a zone', { startAt: '2026-02-01T00:00:00' }, 'startAt'],
    ['a name that cannot be seen', { name: ' ' }, 'name'],
    ['an unknown field', { batchez: [] }, 'batchez'],
    ['an unknown field of a gate', { batches: [{ percent: 100, gate: { max: 5 } }] }, 'batches.0.gate.max'],
  ])('is refused at the door with %s', (_what, more, path) => {
    expect(invalidFields(CampaignInput, input(more), 'refuse').map((fault) => fault.path)).toContain(path);
  });
});
