import { describe, expect, it } from '@jest/globals';
import type { Actor, JsonValue } from '@muster/contracts';
import type { DeviceState } from '@muster/contracts/configuration/campaign.requests';
import { judge, type Expectation } from './verdict.js';

const at = (second: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
const anna: Actor = { kind: 'user', id: 'anna' };
const campaign: Actor = { kind: 'campaign', id: 'c1' };

/** Opened at 10; the campaign writes at 20, the document is sent at 21. */
const expectation = (more: Partial<Expectation> = {}): Expectation => ({
  configurations: { version: '1.1', url: 'https://x' },
  expectedStates: { version: '1.1' },
  expectedFrom: 'any',
  campaignId: 'c1',
  openedAt: at(10),
  ...more,
});
const own = (value: JsonValue, second: number, by: Actor = campaign) => ({
  value,
  origin: 'device' as const,
  at: at(second),
  by,
});
const state = (more: Partial<DeviceState> = {}): DeviceState => ({
  deviceId: 'd1',
  ended: false,
  version: 1,
  configId: '',
  desired: {},
  withdrawn: {},
  reported: {},
  ...more,
});
const written = (more: Partial<DeviceState> = {}): DeviceState =>
  state({
    configId: 'ours',
    desired: { version: own('1.1', 20), url: own('https://x', 20) },
    sent: { configId: 'ours', subscriber: true, at: at(21), reachedAt: at(21) },
    ...more,
  });
const verdictOf = (
  device: DeviceState,
  against: Expectation = expectation(),
  { wasValid = false, fetches = false } = {},
) => judge(against, { state: device, wasValid, fetches });

describe('the verdict over a device', () => {
  it('is unknown for one that has never been heard of', () => {
    expect(verdictOf(state())).toEqual({
      verdict: 'unknown',
      reasons: [],
      desired: false,
      delivered: 'not_sent',
      reported: false,
      knownBy: null,
    });
    // Written, but nobody was there to take it.
    const away = written({ sent: { configId: 'ours', subscriber: false, at: at(21) } });
    expect(verdictOf(away)).toMatchObject({ verdict: 'unknown', desired: true, delivered: 'not_sent' });
  });

  it('is pending while nothing contradicts', () => {
    const before = state({
      desired: { version: own('1.0', 5, anna) },
      reported: { version: { value: '1.0', at: at(1), statedAt: at(1) } },
    });
    expect(verdictOf(before)).toMatchObject({ verdict: 'pending', desired: false, reasons: [] });
    expect(verdictOf(written())).toMatchObject({ verdict: 'pending', desired: true, delivered: 'sent' });
    // It still says what it was, after it was sent what it shall be.
    const busy = written({ reported: { version: { value: '1.0', at: at(1), statedAt: at(22) } } });
    expect(verdictOf(busy)).toMatchObject({ verdict: 'pending', reported: false, reasons: [] });
  });

  it('is valid by what was applied only where the device has never said the key itself', () => {
    const applied = { confirmed: { at: at(23) } };
    const never = written({ ...applied, reported: { version: { value: '1.1', at: at(23) } } });
    expect(verdictOf(never)).toMatchObject({ verdict: 'valid', reported: true, knownBy: 'applied' });
    const stated = { value: '1.1', at: at(23), statedAt: at(1) };
    expect(verdictOf(written({ ...applied, reported: { version: stated } }))).toMatchObject({
      verdict: 'pending',
      reported: false,
    });
    expect(
      verdictOf(written({ ...applied, reported: { version: { ...stated, statedAt: at(30) } } })),
    ).toMatchObject({ verdict: 'valid', knownBy: 'stated' });
    expect(verdictOf(never, expectation({ expectedFrom: 'stated' }))).toMatchObject({ verdict: 'pending' });
  });

  it('asks for every value of the configuration where no state is expected', () => {
    const against = expectation({ expectedStates: {} });
    const half = written({ reported: { version: { value: '1.1', at: at(23) } } });
    expect(verdictOf(half, against)).toMatchObject({ verdict: 'pending' });
    const all = { version: { value: '1.1', at: at(23) }, url: { value: 'https://x', at: at(23) } };
    expect(verdictOf(written({ reported: all }), against)).toMatchObject({ verdict: 'valid' });
  });

  it('compares values as JSON', () => {
    const against = expectation({ configurations: {}, expectedStates: { a: { x: 1, y: [1.5] } } });
    const saying = (value: JsonValue) =>
      verdictOf(state({ reported: { a: { value, at: at(1), statedAt: at(1) } } }), against).verdict;
    expect(saying({ y: [1.5], x: 1.0 })).toBe('valid');
    expect(saying({ y: [1.5], x: '1' })).toBe('invalid');
  });

  it('is invalid where somebody changed or took away a desired value later, with who and when', () => {
    const changed = written({ desired: { version: own('2.0', 40, anna), url: own('https://x', 20) } });
    expect(verdictOf(changed)).toMatchObject({
      verdict: 'invalid',
      desired: false,
      reasons: [
        { code: 'desired_changed', key: 'version', expected: '1.1', actual: '2.0', by: anna, at: at(40) },
      ],
    });
    const taken = written({
      desired: { url: own('https://x', 20) },
      withdrawn: { version: { at: at(40), by: anna } },
    });
    expect(verdictOf(taken).reasons).toEqual([
      { code: 'desired_changed', key: 'version', expected: '1.1', by: anna, at: at(40) },
    ]);
  });

  it('of a supervision without a campaign is invalid whenever the desired value was changed', () => {
    const before = state({ desired: { version: own('1.0', 5, anna), url: own('https://x', 5, anna) } });
    expect(verdictOf(before, expectation({ campaignId: null }))).toMatchObject({
      verdict: 'invalid',
      reasons: [{ code: 'desired_changed', at: at(5) }],
    });
    expect(verdictOf(state(), expectation({ campaignId: null }))).toMatchObject({ verdict: 'unknown' });
  });

  it('holds null against an own value, and not against a default', () => {
    const against = expectation({ configurations: { url: null }, expectedStates: {} });
    const none = state({ desired: { url: { ...own('https://d', 5), origin: 'device-type' } } });
    expect(verdictOf(none, against)).toMatchObject({ desired: true, verdict: 'valid' });
    expect(verdictOf(state({ desired: { url: own('https://x', 40, anna) } }), against)).toMatchObject({
      verdict: 'invalid',
    });
  });

  it('takes a default for the desired value where it is the same, and not where it is another', () => {
    const by: Actor = { kind: 'default', id: 'heater' };
    const byDefault = (value: JsonValue) =>
      state({
        configId: 'theirs',
        desired: { version: { ...own(value, 5, by), origin: 'device-type' } },
        sent: { configId: 'theirs', subscriber: true, at: at(6), reachedAt: at(6) },
        confirmed: { at: at(7) },
        reported: { version: { value, at: at(7), statedAt: at(8) } },
      });
    const alone = expectation({ configurations: { version: '1.1' }, campaignId: null });
    expect(verdictOf(byDefault('1.1'), alone)).toMatchObject({
      verdict: 'valid',
      desired: true,
      reasons: [],
    });
    expect(verdictOf(byDefault('1.0'), alone)).toMatchObject({
      verdict: 'invalid',
      reasons: [{ code: 'desired_changed', expected: '1.1', actual: '1.0', by }],
    });
    // What is taken away later leaves the default, which says the same.
    const taken = { ...byDefault('1.1'), withdrawn: { version: { at: at(40), by: anna } } };
    expect(verdictOf(taken, expectation({ configurations: { version: '1.1' } }))).toMatchObject({
      verdict: 'valid',
    });
  });

  it('is invalid where the device refused the document, in its words', () => {
    const rejection = { statusCode: 400, reasonPhrase: 'too old' };
    expect(verdictOf(written({ confirmed: { at: at(23), rejection } }))).toMatchObject({
      verdict: 'invalid',
      reasons: [{ code: 'device_error', statusCode: 400, detail: 'too old', at: at(23) }],
    });
    // Before its values are written, what it refuses is another document.
    expect(verdictOf(state({ confirmed: { at: at(9), rejection } }))).toMatchObject({ verdict: 'pending' });
  });

  it('is invalid where the device says another value after it has applied; and drifted, if it was valid', () => {
    const said = written({
      confirmed: { at: at(23) },
      reported: { version: { value: '1.0', at: at(50), statedAt: at(50) } },
    });
    const mismatch = { code: 'state_mismatch', key: 'version', expected: '1.1', actual: '1.0', at: at(50) };
    expect(verdictOf(said)).toMatchObject({ verdict: 'invalid', reasons: [mismatch] });
    expect(verdictOf(said, expectation(), { wasValid: true }).reasons).toEqual([{ code: 'drift' }, mismatch]);
  });

  it('is invalid for a device that was deleted, whatever it said', () => {
    expect(verdictOf(written({ ended: true }))).toMatchObject({
      verdict: 'invalid',
      reasons: [{ code: 'removed' }],
    });
  });

  it('says that a device without a connection fetched, where others are sent', () => {
    expect(verdictOf(written(), expectation(), { fetches: true })).toMatchObject({ delivered: 'fetched' });
    const other = written({ sent: { configId: 'other', subscriber: true, at: at(1), reachedAt: at(1) } });
    expect(verdictOf(other)).toMatchObject({ delivered: 'not_sent' });
  });
});
