import { describe, expect, it } from '@jest/globals';
import { definePublished, defineRequest, Done, eventStream, subjectToken } from './index.js';

const noop = { request: Done, reply: Done, errors: [], idempotent: true } as const;

describe('a contract', () => {
  it('takes a subject of exactly service, entity and verb', () => {
    expect(defineRequest({ ...noop, subject: 'muster.v1.service.a.b.c' }).subject).toBe(
      'muster.v1.service.a.b.c',
    );
    expect(() => defineRequest({ ...noop, subject: 'muster.v1.service.a.b' })).toThrow(/subject/);
    expect(() => defineRequest({ ...noop, subject: 'muster.v1.service.a.b.C' })).toThrow(/subject/);
  });

  it('names a published event by service, tenant, entity, verb and entity id', () => {
    const event = definePublished({ service: 's', entity: 'e', verb: 'done', schemaVersion: 2, data: Done });
    expect(event.subject('t1', 'id1')).toBe('muster.v1.event.s.t1.e.done.id1');
    expect(event.filter).toBe('muster.v1.event.s.*.e.done.*');
    expect(event.type).toBe('io.muster.e.done.v2');
    expect(eventStream('device-registry').name).toBe('EVENTS_DEVICE_REGISTRY');
  });

  it.each(['a.b', 'a*', '>', '', 'a b', 'x'.repeat(65)])('keeps %j out of subjects', (text) => {
    expect(() => subjectToken(text)).toThrow(/subject/);
  });
});
