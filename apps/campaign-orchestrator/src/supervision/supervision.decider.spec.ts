import { describe, it } from '@jest/globals';
import type { Actor } from '@muster/contracts';
import { scenario } from '@muster/testing';
import { decide, evolve, initial, type SupervisionCommand } from './supervision.decider.js';
import type { SupervisionEvent } from './supervision.events.js';

const supervision = scenario({ initial, evolve, decide });
const by: Actor = { kind: 'user', id: 'anna' };
const at = '2026-01-01T00:00:00.000Z';

const open = {
  type: 'OpenSupervision',
  name: 'winter',
  campaignId: null,
  target: { filter: 'deviceType==radiator' },
  configurations: { mode: 'eco' },
  expectedStates: {},
  expectedFrom: 'any',
  by,
  at,
} as const satisfies SupervisionCommand;
const resolve: SupervisionCommand = { type: 'ResolveSupervision', total: 3, by, at };
const fail: SupervisionCommand = { type: 'FailSupervision', code: 'filter-too-slow', detail: 'no', by, at };
const close: SupervisionCommand = { type: 'CloseSupervision', by, at };
const rename = (name?: string): SupervisionCommand => ({ type: 'EditSupervision', name, by, at });
const remove: SupervisionCommand = { type: 'DeleteSupervision', by, at };
const after = (...commands: readonly SupervisionCommand[]): SupervisionEvent[] => {
  const events: SupervisionEvent[] = [];
  for (const command of commands) events.push(...decide(command, events.reduce(evolve, initial)));
  return events;
};
const fact = { at, by, name: 'winter', campaignId: null };

describe('a supervision', () => {
  it('is opened once, and looks for its devices', () => {
    const { target, configurations, expectedStates, expectedFrom } = open;
    const opened = { target, configurations, expectedStates, expectedFrom };
    supervision
      .given([])
      .when(open)
      .then([{ type: 'SupervisionOpened', data: { ...fact, status: 'resolving', ...opened } }]);
    supervision.given(after(open)).when(open).then([]);
  });

  it('is open when they are known, and failed when they cannot be found; either once', () => {
    const opened = after(open);
    supervision
      .given(opened)
      .when(resolve)
      .then([{ type: 'SupervisionResolved', data: { ...fact, status: 'open', total: 3 } }]);
    supervision
      .given(opened)
      .when(fail)
      .then([
        {
          type: 'SupervisionFailed',
          data: { ...fact, status: 'failed', code: 'filter-too-slow', detail: 'no' },
        },
      ]);
    for (const before of [[], after(open, resolve), after(open, fail), after(open, resolve, close)]) {
      supervision.given(before).when(resolve).then([]);
      supervision.given(before).when(fail).then([]);
    }
  });

  it('is closed by hand when it is open, and then stays so', () => {
    supervision
      .given(after(open, resolve))
      .when(close)
      .then([{ type: 'SupervisionClosed', data: { ...fact, status: 'closed' } }]);
    supervision
      .given(after(open, resolve, close))
      .when(close)
      .then([]);
    supervision.given(after(open, fail)).when(close).then([]);
    supervision.given(after(open)).when(close).thenThrows('supervision-resolving');
    supervision.given([]).when(close).thenThrows('supervision-not-found');
  });

  it('is given another name as long as it is not closed, and keeps it', () => {
    const renamed = {
      type: 'SupervisionRenamed',
      data: { ...fact, name: 'spring', status: 'open' },
    } as const;
    supervision.given(after(open, resolve)).when(rename('spring')).then([renamed]);
    supervision
      .given(after(open, resolve, rename('spring')))
      .when(rename('spring'))
      .then([]);
    supervision
      .given(after(open, resolve, rename('spring')))
      .when(close)
      .then([{ type: 'SupervisionClosed', data: { ...fact, name: 'spring', status: 'closed' } }]);
    supervision.given(after(open)).when(rename()).then([]);
    supervision
      .given(after(open))
      .when(rename('spring'))
      .then([{ ...renamed, data: { ...renamed.data, status: 'resolving' } }]);
    for (const ended of [after(open, resolve, close), after(open, fail)])
      supervision.given(ended).when(rename('spring')).thenThrows('supervision-closed');
    supervision.given([]).when(rename('spring')).thenThrows('supervision-not-found');
    supervision
      .given(after(open, resolve, close, remove))
      .when(rename('spring'))
      .thenThrows('supervision-not-found');
  });

  it('is deleted only when nothing is watched any more', () => {
    supervision
      .given(after(open, resolve, close))
      .when(remove)
      .then([{ type: 'SupervisionDeleted', data: { ...fact, status: 'closed' } }]);
    supervision
      .given(after(open, fail))
      .when(remove)
      .then([{ type: 'SupervisionDeleted', data: { ...fact, status: 'failed' } }]);
    supervision.given(after(open)).when(remove).thenThrows('supervision-open');
    supervision.given(after(open, resolve)).when(remove).thenThrows('supervision-open');
    supervision
      .given(after(open, resolve, close, remove))
      .when(remove)
      .then([]);
    supervision
      .given(after(open, resolve, close, remove))
      .when(close)
      .thenThrows('supervision-not-found');
    supervision.given([]).when(remove).thenThrows('supervision-not-found');
  });
});
