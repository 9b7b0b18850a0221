import { describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import { CampaignInput } from '@muster/contracts/campaign-orchestrator/campaign';
import { invalidFields } from '@muster/messaging';
import { definitionOf as fixture } from './campaigns.fixture.js';
import { assertDefinition, assertInput, assertOpens } from './definition-rules.js';
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
      minSettledPercent: 25,
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

  it('is for one type, and with null for all of them again', () => {
    const lamps = editedDefinition(before, { deviceType: 'lamp' }, defaults);
    expect(lamps).toEqual({ ...before, deviceType: 'lamp' });
    expect(editedDefinition(lamps, { name: 'x' }, defaults)).toEqual({ ...lamps, name: 'x' });
    expect(editedDefinition(lamps, { deviceType: null }, defaults)).toEqual(before);
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

  it('must have a window that opens before its end', () => {
    const window = { timeZone: 'UTC', from: '02:00', to: '05:00', days: ['sun' as const] };
    const opens = (more: object): string => {
      try {
        assertOpens(definitionOf(input({ window, ...more }), defaults), '2026-11-28T12:00:00.000Z');
        return 'opens';
      } catch (error) {
        return (error as AppError).detail;
      }
    };
    expect(opens({})).toBe('opens');
    expect(opens({ endAt: '2026-11-29T02:00:00Z' })).toBe(
      'window must open before endAt, which is 2026-11-29T02:00:00.000Z',
    );
    expect(opens({ endAt: '2026-11-29T02:00:01Z' })).toBe('opens');
    const late = { startAt: '2026-11-29T05:00:00Z', endAt: '2026-11-30T00:00:00Z' };
    expect(opens(late)).toContain('window must open before endAt');
    expect(opens({ ...late, startAt: '2026-11-29T04:59:00Z' })).toBe('opens');
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
    ['spacing of more than a year', { spacingSeconds: 31_536_001 }, 'spacingSeconds'],
    ['a count of nobody', { batches: [{ count: 0 }, { percent: 100 }] }, 'batches.0.count'],
    ['a part of a device', { batches: [{ count: 1.5 }, { percent: 100 }] }, 'batches.0.count'],
    ['a batch of no devices', { batches: [{ deviceIds: [] }, { percent: 100 }] }, 'batches.0.deviceIds'],
    ['an id that no device has', { target: { deviceIds: ['a b'] } }, 'target.deviceIds'],
    ['10,000 batches', { batches: Array.from({ length: 10_000 }, () => ({ count: 1 })) }, 'batches'],
    [
      'a gate below nothing',
      { batches: [{ percent: 100, gate: { minSuccessPercent: -1 } }] },
      'batches.0.gate.minSuccessPercent',
    ],
    [
      'a gate that nobody need settle for',
      { batches: [{ percent: 100, gate: { maxFailurePercent: 5, minSettled: 0 } }] },
      'batches.0.gate.minSettled',
    ],
    [
      'a threshold over all',
      { failureThreshold: { maxFailurePercent: 101 } },
      'failureThreshold.maxFailurePercent',
    ],
    ['retries without a time', { retries: { max: 2 } }, 'retries.firstAfterSeconds'],
    ['retries without end', { retries: { max: 21, firstAfterSeconds: 1 } }, 'retries.max'],
    ['no time to answer', { deadlineSeconds: 0 }, 'deadlineSeconds'],
    ['nobody in flight', { maxInFlight: 0 }, 'maxInFlight'],
    ['a conflict rule that there is not', { onConflict: 'replace' }, 'onConflict'],
    ['a status that no device has', { target: { campaignId: 'c', statuses: ['gone'] } }, 'target.statuses'],
    ['a name of 1,000 characters', { name: 'x'.repeat(1_000) }, 'name'],
    ['a time without a zone', { startAt: '2026-02-01T00:00:00' }, 'startAt'],
    ['a name that cannot be seen', { name: ' ' }, 'name'],
    ['an unknown field', { batchez: [] }, 'batchez'],
    ['an unknown field of a gate', { batches: [{ percent: 100, gate: { max: 5 } }] }, 'batches.0.gate.max'],
  ])('is refused at the door with %s', (_what, more, path) => {
    expect(invalidFields(CampaignInput, input(more), 'refuse').map((fault) => fault.path)).toContain(path);
  });
});
