import { describe, expect, it } from '@jest/globals';
import { headers } from '@nats-io/transport-node';
import { deviceChanged, deviceDeleted, deviceTypeChanged } from '@muster/contracts/device-registry/published';
import { commonFilter } from './consume.js';
import { decodeEvent } from './decode-event.js';

const data = {
  deviceId: 'd1',
  version: 3,
  at: '2026-11-20T00:00:00.000Z',
  actor: { kind: 'system', id: 's' },
};

type Message = Parameters<typeof decodeEvent>[0];

const message = (
  subject: string,
  given: Record<string, string> = {},
  body = JSON.stringify(data),
): Message => {
  const withThem = headers();
  for (const [name, value] of Object.entries(given)) withThem.set(name, value);
  return {
    subject,
    headers: withThem,
    timestamp: '2026-11-20T01:00:00.000Z',
    seq: 7,
    info: { stream: 'EVENTS_DEVICE_REGISTRY', deliveryCount: 2 },
    string: () => body,
  };
};

const subject = deviceDeleted.subject('t1', 'd1');

describe('an event', () => {
  it('is known by its subject, with what its headers say', () => {
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const given = {
      'ce-type': deviceDeleted.type,
      'ce-id': 'e1',
      'ce-time': '2026-11-20T00:30:00.000Z',
      traceparent,
    };
    expect(decodeEvent(message(subject, given), [deviceChanged, deviceDeleted])).toEqual({
      kind: 'event',
      event: {
        contract: deviceDeleted,
        tenantId: 't1',
        entityId: 'd1',
        data,
        id: 'e1',
        time: '2026-11-20T00:30:00.000Z',
        deliveries: 2,
        traceparent,
      },
    });
  });

  it('without headers gets its id from the stream, which no redelivery changes', () => {
    expect(decodeEvent(message(subject), [deviceDeleted])).toMatchObject({
      event: { id: 'EVENTS_DEVICE_REGISTRY:7', time: '2026-11-20T01:00:00.000Z' },
    });
  });

  it('of another verb, or of a version we do not know yet, is passed over', () => {
    expect(decodeEvent(message(subject), [deviceChanged])).toEqual({ kind: 'other' });
    const newer = { 'ce-type': 'io.muster.device.deleted.v2' };
    expect(decodeEvent(message(subject, newer), [deviceDeleted])).toEqual({ kind: 'other' });
  });

  it('with fields we do not know yet is taken', () => {
    const body = JSON.stringify({ ...data, more: 1 });
    expect(decodeEvent(message(subject, {}, body), [deviceDeleted])).toMatchObject({ kind: 'event' });
  });

  it.each([
    ['no JSON', subject, '{'],
    ['null', subject, 'null'],
    ['a field of another type', subject, JSON.stringify({ ...data, version: 'three' })],
    ['a subject with more tokens', `${subject}.more`, JSON.stringify(data)],
  ])('with %s is bad', (_what, on, body) => {
    expect(decodeEvent(message(on, {}, body), [deviceDeleted])).toMatchObject({ kind: 'bad' });
  });
});

describe('the filter of a consumer', () => {
  it('is that of its one event, or the narrowest that lets all of them through', () => {
    expect(commonFilter([deviceDeleted])).toBe('muster.v1.event.device-registry.*.device.deleted.*');
    expect(commonFilter([deviceDeleted, deviceChanged])).toBe('muster.v1.event.device-registry.*.device.*.*');
    expect(commonFilter([deviceChanged, deviceTypeChanged])).toBe(
      'muster.v1.event.device-registry.*.*.changed.*',
    );
  });
});
