import { describe, expect, it } from '@jest/globals';
import type { Reoffer } from '../desired/desired-decisions.js';
import {
  configuration,
  operator,
  rules,
  now,
  stateAfter,
  change,
  applyDefaults,
  fetch,
  report,
  dispatchOf,
  stateReport,
  desired,
  dispatched,
  rejected,
  A,
  B,
  a,
} from './configuration-scenario.fixture.js';
import { initial } from './configuration-state.js';
import { decide } from './device-configuration.decider.js';

describe('EndConfiguration', () => {
  it('ends the stream, even one that has not begun', () => {
    configuration
      .given([])
      .when({ type: 'EndConfiguration', at: now })
      .then([{ type: 'ConfigurationEnded', data: { endedAt: now } }]);
  });

  const reoffer: Reoffer = { type: 'Reoffer', source: operator, at: now };
  it.each([
    ...[change(A), applyDefaults(rules), reoffer],
    ...[fetch(), report(a, 200), dispatchOf(a), stateReport({})],
  ])('refuses $type after the end', (command) => {
    configuration
      .given([desired({}, A), { type: 'ConfigurationEnded', data: { endedAt: now } }])
      .when(command)
      .thenThrows('device-not-found');
  });
});

describe('evolve', () => {
  it('makes states that survive JSON', () => {
    const state = stateAfter([
      desired({}, A),
      dispatched(a),
      rejected(a),
      desired(A, B),
      ...decide(fetch({ observe: true }), initial),
    ]);
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
  });
});
