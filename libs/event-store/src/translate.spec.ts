import { describe, expect, it } from '@jest/globals';
import { definePublished, Done } from '@muster/contracts';
import type { RecordedEvent } from './aggregate.js';
import { told, translateBy } from './translate.js';

const raised = definePublished({
  service: 'counters',
  entity: 'counter',
  verb: 'raised',
  schemaVersion: 1,
  data: Done,
});
const recorded = (aggregate: string): RecordedEvent<{ type: 'Raised'; data: { by: number } }> => ({
  type: 'Raised',
  data: { by: 2 },
  aggregate,
  position: 1,
  tenantId: 'default',
  streamId: 'one',
  stream: `${aggregate}-one`,
  version: 1,
  schemaVersion: 1,
  metadata: { actor: { kind: 'user', id: 'anna' } },
  recordedAt: '2026-11-28T12:00:00.000Z',
});
const translate = translateBy(
  told({ name: 'counter' }, (event: ReturnType<typeof recorded>) => [
    { contract: raised, entityId: event.streamId, data: { by: event.data.by } },
  ]),
  told({ name: 'secret' }, () => []),
);

describe('translateBy', () => {
  it('tells of each aggregate what its own function says', () => {
    expect(translate(recorded('counter'))).toEqual([{ contract: raised, entityId: 'one', data: { by: 2 } }]);
    expect(translate(recorded('secret'))).toEqual([]);
  });

  it('leaves what it does not know to a newer version, which does', () => {
    expect(translate(recorded('of-tomorrow'))).toBeUndefined();
    expect(translate(recorded('constructor'))).toBeUndefined();
  });
});
