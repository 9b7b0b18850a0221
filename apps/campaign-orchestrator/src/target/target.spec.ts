import { describe, expect, it } from '@jest/globals';
import type { Actor, JsonValue } from '@muster/contracts';
import type { DeviceState } from '@muster/contracts/configuration/campaign.requests';
import { evaluate, expire, offered, type Target, type TargetState, type Wanted } from './target.js';

const at = (second: number): string => new Date(Date.UTC(2026, 10, 28, 12, 0, second)).toISOString();
const anna: Actor = { kind: 'user', id: 'anna' };
const ours: Actor = { kind: 'campaign', id: 'c1' };

const planned: Target = {
  interface: 'mqtt',
  operation: null,
  configId: 'doc',
  status: 'planned',
  attempts: 0,
  dispatchedAt: null,
  acknowledgedAt: null,
  finishedAt: null,
  deadlineAt: null,
  retryAt: null,
  synced: false,
  late: false,
  reason: null,
};
const written: Target = { ...planned, ...offered(planned, 1) };
const wanted = (of: Partial<Wanted> = {}): Wanted => ({
  campaignId: 'c1',
  values: { v: '1.1' },
  expectedStates: {},
  expectedFrom: 'any',
  deadlineSeconds: 100,
  retries: { max: 2, firstAfterSeconds: 60 },
  asOf: at(0),
  overruled: [],
  ...of,
});
const desired = (value: JsonValue, by = ours, second = 1): DeviceState['desired'] => ({
  v: { value, origin: 'device', at: at(second), by },
});
const device = (of: Partial<DeviceState> = {}): DeviceState => ({
  deviceId: 'd1',
  ended: false,
  version: 1,
  configId: 'doc',
  desired: desired('1.1'),
  withdrawn: {},
  reported: {},
  ...of,
});
const sent = { configId: 'doc', subscriber: true, at: at(2), reachedAt: at(2) };
const applied = { at: at(3) };
const now = { now: at(10), chance: 0 };
const look = (target: Target, state: Partial<DeviceState>, of: Partial<Wanted> = {}): Target => {
  const next = evaluate(target, wanted(of), device(state), now);
  const after = next === null ? target : { ...target, ...next };
  // Whoever looks again sees the same.
  expect(evaluate(after, wanted(of), device(state), now)).toBeNull();
  return after;
};
const status = (...args: Parameters<typeof look>): TargetState['status'] => look(...args).status;

describe('a target that is written', () => {
  it('follows its document: sent, applied', () => {
    expect(look(written, {})).toEqual(written);
    expect(look(written, { sent })).toMatchObject({
      status: 'dispatched',
      dispatchedAt: at(2),
      deadlineAt: at(110),
    });
    const acknowledged = look(written, { sent, confirmed: applied }, { expectedStates: { w: 1 } });
    expect(acknowledged).toMatchObject({ status: 'acknowledged', acknowledgedAt: at(3) });
  });

  it('to a device that is away is synchronised, and not dispatched', () => {
    const nobody = { configId: 'doc', subscriber: false, at: at(2) };
    expect(look(written, { sent: nobody })).toMatchObject({ status: 'written', synced: true });
    expect(offered({ ...planned, interface: 'http' }, 1).synced).toBe(true);
  });

  it('to a device that fetches what it should have is synchronised, however it came to do so', () => {
    expect(look({ ...written, interface: 'http' }, {})).toMatchObject({ status: 'written', synced: true });
    expect(look(written, { observe: false })).toMatchObject({ status: 'written', synced: true });
  });

  it('is not taken back by a newer document that is on its way', () => {
    const dispatched = look(written, { sent });
    expect(look(dispatched, { sent, configId: 'newer' })).toEqual(dispatched);
  });

  it('is not changed by what was sent before it', () => {
    expect(look(written, { sent: { ...sent, configId: 'older' } })).toEqual(written);
  });
});

describe('success', () => {
  const reported = (value: JsonValue, statedAt?: string): DeviceState['reported'] => ({
    v: { value, at: at(2), ...(statedAt === undefined ? {} : { statedAt }) },
  });
  const expects = { expectedStates: { v: '1.1' } };

  it('is that every desired value is reported', () => {
    expect(status(written, { sent, confirmed: applied, reported: reported('1.1') })).toBe('succeeded');
    expect(status(written, { sent, confirmed: applied, reported: reported('1.0') })).toBe('acknowledged');
    expect(status(written, { sent, reported: reported('1.1', at(4)) })).toBe('succeeded');
  });

  it('is not what was reported before the document was there', () => {
    expect(status(written, { reported: reported('1.1', at(4)) })).toBe('written');
    expect(status(written, { sent, reported: reported('1.1', at(1)) })).toBe('dispatched');
  });

  it('of a device that states such a key itself is its word after the document, and not that it applied', () => {
    const state = { sent, confirmed: applied };
    expect(status(written, { ...state, reported: reported('1.1', at(1)) }, expects)).toBe('acknowledged');
    expect(status(written, { ...state, reported: reported('1.1', at(5)) }, expects)).toBe('succeeded');
    expect(status(written, { ...state, reported: reported('1.0', at(5)) }, expects)).toBe('acknowledged');
  });

  it('of one that never has is that it applied, unless all must state it', () => {
    const state = { sent, confirmed: applied, reported: reported('1.1') };
    expect(status(written, state, expects)).toBe('succeeded');
    expect(status(written, state, { ...expects, expectedFrom: 'stated' })).toBe('acknowledged');
    expect(status(written, { sent, reported: reported('1.1') }, expects)).toBe('dispatched');
  });

  it('of one that answered before it was recorded that its document was sent is success all the same', () => {
    const sentLater = { ...sent, reachedAt: at(6) };
    const state = { sent: sentLater, confirmed: applied, reported: reported('1.1', at(4)) };
    expect(status(written, state, expects)).toBe('succeeded');
    expect(status(look(written, { sent: sentLater }, expects), state, expects)).toBe('succeeded');
  });

  it('compares as JSON does', () => {
    const expecting = (value: JsonValue, is: JsonValue) =>
      status(written, { sent, reported: reported(is, at(5)) }, { expectedStates: { v: value } });
    expect(expecting({ a: 1, b: [2] }, { b: [2], a: 1.0 })).toBe('succeeded');
    expect(expecting(1, '1')).toBe('dispatched');
  });

  it('of what is only expected needs no document', () => {
    const only = { values: {}, expectedStates: { v: '1.1' } };
    expect(status(written, { desired: {}, reported: reported('1.1') }, only)).toBe('succeeded');
  });

  it('of a value that was taken back is that the document without it was applied', () => {
    const back = { values: { v: null } };
    expect(status(written, { desired: {}, sent }, back)).toBe('dispatched');
    expect(status(written, { desired: {}, sent, confirmed: applied }, back)).toBe('succeeded');
  });
});

describe('a refusal', () => {
  const refusal = (statusCode: number, reasonPhrase?: string) => ({
    sent,
    confirmed: {
      at: at(3),
      rejection: { statusCode, ...(reasonPhrase === undefined ? {} : { reasonPhrase }) },
    },
  });

  it('that lies in the document is final', () => {
    expect(look(written, refusal(400, 'no such version'))).toMatchObject({
      status: 'failed',
      finishedAt: at(10),
      reason: { code: 'status-400', origin: 'device', detail: 'no such version' },
    });
  });

  it('is told with as much of its reason as is kept, and no half of a character', () => {
    const reason = (text: string) => look(written, refusal(400, text)).reason?.detail;
    expect(reason('x'.repeat(400))).toBe('x'.repeat(300));
    // Half of it could not be stored, nor could what else is written together with it.
    expect(reason(`${'x'.repeat(299)}😀`)).toBe('x'.repeat(299));
  });

  it('that lies in the moment is tried again, twice as late each time, and not for ever', () => {
    for (const code of [503, 500, 429, 408]) expect(status(written, refusal(code))).toBe('retry_wait');
    const retryAt = (attempts: number, chance: number) =>
      evaluate({ ...written, attempts }, wanted(), device(refusal(503)), { now: at(0), chance })?.retryAt;
    expect([retryAt(1, 0), retryAt(1, 1), retryAt(2, 0)]).toEqual([at(60), at(90), at(120)]);
    expect(status({ ...written, attempts: 3 }, refusal(503))).toBe('failed');
  });

  it('has no deadline while it waits, and the truth ends the wait', () => {
    const waiting = look(written, refusal(503));
    expect(waiting.deadlineAt).toBeNull();
    const state = { sent, confirmed: applied, reported: { v: { value: '1.1', at: at(4), statedAt: at(4) } } };
    expect(status(waiting, state)).toBe('succeeded');
  });
});

describe('a device that takes its word back', () => {
  const expects = { expectedStates: { w: 1 } };
  const acknowledged = look(written, { sent, confirmed: applied }, expects);
  const refusal = (statusCode: number) => ({
    sent,
    confirmed: { at: at(5), rejection: { statusCode, reasonPhrase: 'It does not start.' } },
  });

  it('and refuses what it had applied has failed, or is offered it again', () => {
    expect(acknowledged.status).toBe('acknowledged');
    expect(look(acknowledged, refusal(400), expects)).toMatchObject({
      status: 'failed',
      reason: { code: 'status-400', origin: 'device', detail: 'It does not start.' },
    });
    const again = look(acknowledged, refusal(503), expects);
    expect(again).toMatchObject({ status: 'retry_wait', acknowledgedAt: null, deadlineAt: null });
    // What it reports by having applied it once is not its word any more.
    const reported = { v: { value: '1.1', at: at(3) } };
    expect(status(again, { ...refusal(503), reported }, { values: { v: '1.1' } })).toBe('retry_wait');
  });

  it('of another document, which somebody has made of it since, stands as it did', () => {
    expect(status(acknowledged, { ...refusal(400), configId: 'newer' }, expects)).toBe('acknowledged');
  });

  it('and applies after all what it was too busy for is not waited for until the next offer', () => {
    const busy = look(written, refusal(503), expects);
    expect(look(busy, { sent, confirmed: { at: at(8) } }, expects)).toMatchObject({
      status: 'acknowledged',
      acknowledgedAt: at(8),
      deadlineAt: at(110),
      retryAt: null,
      reason: null,
    });
    const reported = { v: { value: '1.1', at: at(8) } };
    expect(status(look(written, refusal(503)), { sent, confirmed: { at: at(8) }, reported })).toBe(
      'succeeded',
    );
  });
});

describe("somebody else's wish", () => {
  it('for one of its keys ends the target, with who and when', () => {
    expect(look(written, { desired: desired('2.0', anna, 5) })).toMatchObject({
      status: 'superseded',
      reason: { code: 'desired-changed', origin: 'user', by: anna, at: at(5) },
    });
    const other: Actor = { kind: 'campaign', id: 'c2' };
    expect(look(written, { desired: desired('2.0', other, 5) }).reason?.origin).toBe('campaign');
    const withdrawn = { v: { at: at(6), by: anna } };
    expect(look(written, { desired: {}, withdrawn }).reason).toMatchObject({ by: anna, at: at(6) });
  });

  it('for the same value, or for another key, changes nothing', () => {
    expect(status(written, { desired: desired('1.1', anna, 5) })).toBe('written');
    expect(
      status(written, { desired: { ...desired('1.1'), ...{ w: desired(1, anna)['v'] } } as never }),
    ).toBe('written');
  });

  it('before its turn ends it when it came after the launch', () => {
    expect(status(planned, { desired: desired('1.0', anna, 0) })).toBe('planned');
    expect(status(planned, { desired: desired('1.0', anna, 1) })).toBe('superseded');
    expect(status(planned, { desired: {} })).toBe('planned');
    // Handed over at this moment: the answer to that says it.
    expect(status({ ...planned, operation: 'o1' }, { desired: desired('1.0', anna, 1) })).toBe('planned');
  });
});

describe('a target whose time is over', () => {
  it('says whether the device never answered, or never reported', () => {
    const dispatched = look(written, { sent });
    expect(expire(dispatched, at(109))).toBeNull();
    expect(expire(dispatched, at(110))).toMatchObject({ status: 'timed_out', reason: { code: 'no_ack' } });
    const acknowledged = look(written, { sent, confirmed: applied }, { expectedStates: { w: 1 } });
    expect(expire(acknowledged, at(110))).toMatchObject({ reason: { code: 'no_report' } });
  });

  const state = { sent, confirmed: applied, reported: { v: { value: '1.1', at: at(4), statedAt: at(4) } } };

  it('succeeds late when the device answers after all; of one that was cancelled that is only noted', () => {
    const timedOut: Target = { ...look(written, { sent }), status: 'timed_out', finishedAt: at(9) };
    expect(look(timedOut, state)).toMatchObject({ status: 'succeeded', late: true });
    expect(look({ ...timedOut, status: 'cancelled' }, state)).toMatchObject({
      status: 'cancelled',
      late: true,
    });
    expect(status(timedOut, { ...state, desired: desired('2.0', anna, 5) })).toBe('timed_out');
  });

  it('is removed with its device', () => {
    expect(look(written, { ended: true })).toMatchObject({
      status: 'removed',
      reason: { code: 'device-removed' },
    });
  });
});

describe('a target whose turn has not come, of a campaign that others give way to', () => {
  const theirs: Actor = { kind: 'campaign', id: 'c0' };

  it('is not taken by what they still write, but by anybody else', () => {
    const late = { desired: desired('0.9', theirs, 5) };
    expect(status(planned, late, { overruled: ['c0'] })).toBe('planned');
    expect(status(planned, late)).toBe('superseded');
    expect(status(planned, { desired: desired('0.9', anna, 5) }, { overruled: ['c0'] })).toBe('superseded');
    // Written already, it is they who came later.
    expect(status(written, late, { overruled: ['c0'] })).toBe('superseded');
  });
});
