import { describe, expect, it } from '@jest/globals';
import { AppError, type Actor } from '@muster/contracts';
import fc from 'fast-check';
import { supervision, type Supervision, type SupervisionCommand } from './supervision.decider.js';
import type { SupervisionEvent } from './supervision.events.js';

const by: Actor = { kind: 'user', id: 'anna' };
const at = '2026-01-01T00:00:00.000Z';

const open: SupervisionCommand = {
  type: 'OpenSupervision',
  name: 'winter',
  campaignId: null,
  target: { filter: 'deviceType==radiator' },
  configurations: { mode: 'eco' },
  expectedStates: {},
  expectedFrom: 'any',
  by,
  at,
};
const resolve: SupervisionCommand = { type: 'ResolveSupervision', total: 3, by, at };
const fail: SupervisionCommand = { type: 'FailSupervision', code: 'filter-too-slow', detail: 'no', by, at };
const close: SupervisionCommand = { type: 'CloseSupervision', by, at };
const rename: SupervisionCommand = { type: 'EditSupervision', name: 'spring', by, at };
const remove: SupervisionCommand = { type: 'DeleteSupervision', by, at };

const attempt = (command: SupervisionCommand, state: Supervision): readonly SupervisionEvent[] => {
  try {
    return supervision.decide(command, state);
  } catch (error) {
    const isOperators = ['EditSupervision', 'CloseSupervision', 'DeleteSupervision'].includes(command.type);
    if (!(error instanceof AppError) || !isOperators) throw error;
    return [];
  }
};

/** Who can bring it on from here: its step, which looks for the devices until it has an answer, or an operator. */
const onwards = (state: Supervision): SupervisionCommand => {
  if (state.status === null) return open;
  if (state.status === 'resolving') return resolve;
  return state.status === 'open' ? close : remove;
};

describe('a supervision, whatever is done to it', () => {
  it('can always go on until it is deleted, says how it stands, and is made again from its events', () => {
    const reached = new Set<string | null>();
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(open, resolve, fail, rename, close, remove), { maxLength: 30 }),
        (commands) => {
          const events: SupervisionEvent[] = [];
          let state: Supervision = supervision.initial;
          for (const command of commands) {
            const decided = attempt(command, state);
            state = decided.reduce(supervision.evolve, state);
            events.push(...decided);
            reached.add(state.status);
            const last = decided.at(-1);
            if (last !== undefined && state.status !== 'deleted') expect(last.data.status).toBe(state.status);
            // Twice is once.
            expect(attempt(command, state)).toEqual([]);
          }
          const stored = JSON.parse(JSON.stringify(events)) as SupervisionEvent[];
          expect(stored.reduce(supervision.evolve, supervision.initial)).toEqual(state);
          for (let steps = 0; state.status !== 'deleted'; steps += 1) {
            const next = attempt(onwards(state), state);
            if (next.length === 0 || steps > 4) throw new Error(`stuck: ${JSON.stringify(state)}`);
            state = next.reduce(supervision.evolve, state);
          }
        },
      ),
      { numRuns: 300 },
    );
    // Or the property would say nothing.
    for (const status of ['resolving', 'open', 'failed', 'closed', 'deleted'] as const)
      expect(reached).toContain(status);
  });
});
