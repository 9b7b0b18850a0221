import { describe, expect, it } from '@jest/globals';
import type { JsonValue } from '@muster/contracts';
import { refusalOf, withinKeyLimit } from './key-limit.js';
import type { PreparedMessage, PreparedSample } from './prepare-message.js';

const sample = (data: JsonValue): PreparedSample => ({
  at: 1,
  ownTime: true,
  receivedAt: 0,
  hash: 'of what was sent',
  json: JSON.stringify(data),
  data,
});
const message = (deviceId: string, ...samples: PreparedSample[]): PreparedMessage => ({
  tenantId: 'default',
  deviceId,
  appVersion: 'v1',
  receivedAt: 1,
  redelivered: false,
  duplicate: false,
  samples,
});
const nothing = () => ({ count: 0, known: new Set<string>() });

describe('withinKeyLimit', () => {
  it('keeps the first that come, over samples and messages, and takes out the others', () => {
    const [first, second, third] = [sample({ a: 1, b: 2 }), sample({ b: 3, c: 4 }), sample({ c: 5, a: 6 })];
    const [one, two] = [message('d', first, second), message('d', third)];
    const { kept, refused } = withinKeyLimit([one, two], nothing, 2);
    expect([...kept]).toEqual([
      [second, { ...second, data: { b: 3 }, json: '{"b":3}' }],
      [third, { ...third, data: { a: 6 }, json: '{"a":6}' }],
    ]);
    expect([...refused]).toEqual([
      [one, new Set(['c'])],
      [two, new Set(['c'])],
    ]);
  });

  it('leaves nothing of a sample whose every key is over', () => {
    const lost = sample({ x: 1 });
    const { kept } = withinKeyLimit([message('d', sample({ a: 1 }), lost)], nothing, 1);
    expect([...kept]).toEqual([[lost, undefined]]);
  });

  it('lets a device keep what it has, also above a limit that was lowered', () => {
    const both = sample({ known: 1, fresh: 2 });
    const { kept } = withinKeyLimit([message('d', both)], () => ({ count: 9, known: new Set(['known']) }), 3);
    expect(kept.get(both)?.data).toEqual({ known: 1 });
  });

  it('counts each device for itself, and samples without keys not at all', () => {
    const messages = [
      message('d', sample({ a: 1 })),
      message('e', sample({ b: 1 })),
      message('d', sample(5), sample([1])),
    ];
    expect(withinKeyLimit(messages, nothing, 1)).toEqual({ kept: new Map(), refused: new Map() });
  });

  it('treats the names of Object.prototype as any other key', () => {
    const odd = sample(JSON.parse('{"__proto__":1,"constructor":2}') as JsonValue);
    const { kept } = withinKeyLimit([message('d', odd)], nothing, 1);
    expect(kept.get(odd)?.json).toBe('{"__proto__":1}');
  });
});

describe('refusalOf', () => {
  it('names the keys and the limit, and not more than a person reads', () => {
    expect(refusalOf(new Set(['a', 'b"c']), 2)).toEqual({
      code: 'telemetry-key-limit-reached',
      detail:
        'A device has at most 2 telemetry keys; not stored: "a", "b\\"c". The rest of the message is stored.',
    });
    const many = refusalOf(new Set(Array.from({ length: 5_000 }, (_, n) => `k${n}`.padEnd(200, 'x'))), 2);
    expect(many.detail).toContain(' and 4990 more.');
    expect(many.detail?.length).toBeLessThan(1_300);
  });
});
