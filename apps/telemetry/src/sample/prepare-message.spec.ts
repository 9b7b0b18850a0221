import { describe, expect, it } from '@jest/globals';
import type { JsonValue } from '@muster/contracts';
import type { TelemetryMessage } from '@muster/contracts/telemetry/requests';
import { prepareMessage, type PreparedMessage } from './prepare-message.js';

const now = Date.UTC(2026, 0, 1) * 1_000;
const message = (
  samples: TelemetryMessage['samples'],
  more: Partial<TelemetryMessage> = {},
): TelemetryMessage => ({
  tenantId: 'default',
  deviceId: 'd1',
  appVersion: 'v1',
  receivedAt: now,
  redelivered: false,
  duplicate: false,
  samples,
  ...more,
});
const prepared = (...data: JsonValue[]) =>
  prepareMessage(message(data.map((one) => ({ at: null, data: one }))), now) as PreparedMessage;
const micros = (iso: string) => Date.parse(iso) * 1_000;

describe('prepareMessage', () => {
  it('gives a sample without a time of its own the arrival of its message', () => {
    expect(prepared({ a: 1 }).samples).toMatchObject([{ at: now, ownTime: false, json: '{"a":1}' }]);
  });

  it.each([
    ['2000-01-01T00:00:00Z', true],
    ['1999-12-31T23:59:59.999Z', false],
    ['2026-01-02T00:00:00Z', true],
    ['2026-01-02T00:00:00.001Z', false],
  ])('takes a sample of %s: %s', (at, taken) => {
    const result = prepareMessage(
      message([
        { at: now, data: 1 },
        { at: micros(at), data: 1 },
      ]),
      now,
    );
    expect('samples' in result).toBe(taken);
    if (!taken) {
      expect(result).toEqual({
        code: 'sample-time-out-of-range',
        detail:
          'the time of sample 1 must be a time from 2000-01-01T00:00:00.000Z to 2026-01-02T00:00:00.000Z, a day ahead',
      });
    }
  });

  it.each<[string, JsonValue]>([
    ['U+0000', { a: 'x\0y' }],
    ['U+0000 in a key', { 'a\0': 1 }],
    ['U+0000 behind a backslash', { a: '\\\0' }],
    ['half of a surrogate pair', { a: ['\ud83d'] }],
    ['the other half', '\ude00'],
  ])('refuses %s', (_what, data) => {
    expect(prepareMessage(message([{ at: null, data }]), now)).toMatchObject({ code: 'invalid-payload' });
  });

  it.each<[string, JsonValue]>([
    ['a whole surrogate pair', { a: '😀' }],
    ['the letters of an escape', { a: '\\u0000 \\ud83d' }],
    ['two backslashes and letters', { a: '\\\\u0000' }],
    ['another control character', { a: '\u0001' }],
  ])('takes %s', (_what, data) => {
    expect(prepareMessage(message([{ at: null, data }]), now)).toHaveProperty('samples');
  });

  it('hashes equal content alike, wherever it comes from', () => {
    expect(prepared({ a: 1 }).samples[0]?.hash).toBe(prepared({ a: 1 }).samples[0]?.hash);
    expect(prepared({ a: 1 }).samples[0]?.hash).not.toBe(prepared({ a: 2 }).samples[0]?.hash);
  });

  it('keeps equal readings without a time apart within a message, and the same in its repetition', () => {
    const hashes = prepared({ a: 1 }, { a: 1 }, { a: 1 }).samples.map(({ hash }) => hash);
    expect(new Set(hashes).size).toBe(3);
    expect(prepared({ a: 1 }, { a: 1 }, { a: 1 }).samples.map(({ hash }) => hash)).toEqual(hashes);
  });

  it.each(['tenantId', 'deviceId', 'appVersion'])('refuses a %s that is none', (field) => {
    expect(prepareMessage(message([], { [field]: 'a.b' }), now)).toMatchObject({ code: 'invalid-payload' });
  });
});
