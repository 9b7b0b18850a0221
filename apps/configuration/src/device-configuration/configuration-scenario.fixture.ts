import type { JsonObject } from '@muster/contracts';
import { scenario } from '@muster/testing';
import type { ApplyDefaults, ChangeDesired } from '../desired/desired-decisions.js';
import type { Effective, Rules } from '../desired/desired-values.js';
import { configIdOf } from './config-id.js';
import { initial } from './configuration-state.js';
import { decide, evolve } from './device-configuration.decider.js';
import type { ConfigurationEvent } from './device-configuration.events.js';
import type {
  FetchDocument,
  RecordDispatched,
  ReportApplied,
  ReportState,
} from '../reports/report-decisions.js';

export const configuration = scenario({ initial, evolve, decide });
export const operator = { kind: 'user', id: 'anna' } as const;
export const limits = { documentBytes: 32_768, valueBytes: 8_192, keys: 500 };
export const rules: Rules = { limits, interface: 'mqtt', defaults: new Map(), faultsOf: () => [] };
/** Key → value of the type; those of the app version take their place. */
export const inForce = (ofType: JsonObject, ofVersion: JsonObject = {}): Rules => ({
  ...rules,
  defaults: new Map<string, Effective>([
    ...Object.entries(ofType).map(
      ([key, value]) => [key, { value, origin: 'device-type' as const }] as const,
    ),
    ...Object.entries(ofVersion).map(
      ([key, value]) => [key, { value, origin: 'app-version' as const }] as const,
    ),
  ]),
});
export const at = (second: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
export const now = at(30);

export const stateAfter = (history: readonly ConfigurationEvent[]) => history.reduce(evolve, initial);

export const change = (desired: JsonObject, more: Partial<ChangeDesired> = {}): ChangeDesired => ({
  type: 'ChangeDesired',
  mode: 'merge',
  desired,
  source: operator,
  rules,
  at: now,
  ...more,
});
export const applyDefaults = (inForceNow: Rules): ApplyDefaults => ({
  type: 'ApplyDefaults',
  source: { kind: 'default', id: 'thermostat' },
  rules: inForceNow,
  at: now,
});
export const fetch = (more: Partial<FetchDocument> = {}): FetchDocument => ({
  type: 'FetchDocument',
  interface: 'http',
  at: now,
  ...more,
});
export const report = (
  configId: string,
  statusCode: number,
  more: Partial<ReportApplied> = {},
): ReportApplied => ({
  type: 'ReportApplied',
  interface: 'mqtt',
  configId,
  statusCode,
  at: now,
  ...more,
});
export const dispatchOf = (configId: string, more: Partial<RecordDispatched> = {}): RecordDispatched => ({
  type: 'RecordDispatched',
  interface: 'mqtt',
  configId,
  subscriber: true,
  at: now,
  ...more,
});

export const stateReport = (reported: JsonObject, more: Partial<ReportState> = {}): ReportState => ({
  type: 'ReportState',
  interface: 'mqtt',
  reported,
  limits,
  at: now,
  ...more,
});

/** What a change of the whole document leaves in the stream. */
export const desired = (before: JsonObject, after: JsonObject, second = 1): ConfigurationEvent => {
  const [event] = decide(
    change(after, { mode: 'replace', at: at(second) }),
    stateAfter(Object.keys(before).length === 0 ? [] : decide(change(before, { mode: 'replace' }), initial)),
  );
  if (event === undefined) throw new Error('these documents do not differ');
  return event;
};
export const dispatched = (configId: string, second = 2, subscriber = true): ConfigurationEvent => ({
  type: 'ConfigurationDispatched',
  data: { configId, interface: 'mqtt', subscriber, dispatchedAt: at(second) },
});
export const applied = (configId: string, second = 3): ConfigurationEvent => ({
  type: 'ConfigurationApplied',
  data: { configId, interface: 'mqtt', implicit: false, appliedAt: at(second) },
});
export const rejected = (configId: string, second = 3): ConfigurationEvent => ({
  type: 'ConfigurationRejected',
  data: { configId, interface: 'mqtt', statusCode: 400, reasonPhrase: 'no', rejectedAt: at(second) },
});

export const A = { interval: 10 };
export const B = { interval: 20 };
export const a = configIdOf(A);
export const b = configIdOf(B);
