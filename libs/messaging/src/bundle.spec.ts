import { describe, expect, it } from '@jest/globals';
import { definePublished, Done } from '@muster/contracts';
import { bundleId, bundlesOf, type OutgoingEvent } from './bundle.js';

const kind = (entity: string, verb: string) =>
  definePublished({ service: 'registry', entity, verb, schemaVersion: 1, data: Done });
const provisioned = kind('device', 'provisioned');
const changed = kind('device', 'changed');
const job = kind('job', 'changed');

let ids = 0;
const event = (
  contract = changed,
  entityId = 'd1',
  { tenantId = 't1', json = '{}' } = {},
): OutgoingEvent => ({
  contract,
  event: { tenantId, entityId, id: `${(ids += 1)}`, time: '2026-12-01T00:00:00.000Z', data: {} },
  json,
  traceparent: '',
});
const shown = (events: readonly OutgoingEvent[]): string[] =>
  bundlesOf(events).map(
    (bundle) =>
      `${bundle.subject.split('.').slice(3).join('.')}: ${bundle.events
        .map((one) => `${one.event.entityId} ${one.contract.verb}`)
        .join(', ')}`,
  );

describe('bundles', () => {
  it('hold the events of one kind of entity of one tenant, in their order', () => {
    expect(
      shown([
        event(provisioned, 'd1'),
        event(changed, 'd1'),
        event(job, 'j1'),
        event(provisioned, 'd2', { tenantId: 't2' }),
        event(changed, 'd3'),
      ]),
    ).toEqual([
      'registry.t1.device: d1 provisioned, d1 changed, d3 changed',
      'registry.t1.job: j1 changed',
      'registry.t2.device: d2 provisioned',
    ]);
  });

  it('keep the order of one entity over kinds', () => {
    expect(shown([event(changed, 'x'), event(job, 'x'), event(changed, 'x'), event(changed, 'y')])).toEqual([
      'registry.t1.device: x changed',
      'registry.t1.job: x changed',
      'registry.t1.device: x changed, y changed',
    ]);
    // Of another tenant it is another entity.
    expect(
      shown([event(changed, 'x'), event(job, 'x', { tenantId: 't2' }), event(changed, 'x')]),
    ).toHaveLength(2);
  });

  it('hold at most 100 events and 256 KiB, and one that is larger alone', () => {
    const sizes = (events: readonly OutgoingEvent[]) => bundlesOf(events).map((one) => one.events.length);
    expect(sizes(Array.from({ length: 201 }, (_, nth) => event(changed, `d${nth}`)))).toEqual([100, 100, 1]);
    const large = { json: 'x'.repeat(100 * 1_024) };
    expect(sizes([large, large, large].map((size, nth) => event(changed, `d${nth}`, size)))).toEqual([2, 1]);
    const huge = { json: 'ä'.repeat(150 * 1_024) };
    expect(sizes([event(), event(changed, 'd2', huge), event(changed, 'd3')])).toEqual([1, 1, 1]);
  });

  it('have the same id for the same events, and another for others', () => {
    const [a, b, c] = [event(), event(), event()];
    const idOf = (...events: OutgoingEvent[]) => bundlesOf(events).map(bundleId);
    expect(idOf(a, b)).toEqual(idOf(a, b));
    expect(new Set([...idOf(a, b), ...idOf(a, b, c), ...idOf(b, c), ...idOf(a)]).size).toBe(4);
  });
});
