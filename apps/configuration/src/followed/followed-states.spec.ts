import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { JsonValue } from '@muster/contracts';
import type {
  ConfigurationDispatched,
  ConfigurationFact,
  DesiredConfigurationChanged,
  ReportedStateChanged,
  ValueChanges,
} from '@muster/contracts/configuration/published';
import {
  evolveSync,
  noSyncFacts,
  syncStateAt,
  type SyncFact,
  type SyncFacts,
} from '@muster/contracts/configuration/sync-state';
import type { Published } from '@muster/event-store';
import { initial } from '../device-configuration/configuration-state.js';
import {
  decide,
  evolve,
  type ConfigurationCommand,
} from '../device-configuration/device-configuration.decider.js';
import { publishedOfConfiguration } from '../device-configuration/device-configuration.published.js';
import { documentOf, reportedStateOf } from '../device-configuration/documents.js';
import { syncFactsOf, syncStateOf } from '../device-configuration/sync-state.js';

const limits = { documentBytes: 32_768, valueBytes: 8_192, keys: 500 };
const rules = { limits, interface: 'mqtt' as const, defaults: new Map(), faultsOf: () => [] };
const source = { kind: 'user', id: 'anna' } as const;
const UNCONFIRMED_AFTER_MS = 5_000;

const values = fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom<JsonValue>(1, 2, null), {
  maxKeys: 2,
});
/** What is said of documents: of the current one, or of one from before. */
const which = fc.constantFrom<'current' | 'older'>('current', 'older');
const wishes = fc.oneof(
  fc.record({
    kind: fc.constant('change' as const),
    desired: values,
    mode: fc.constantFrom('merge' as const, 'replace' as const),
  }),
  fc.record({ kind: fc.constant('reoffer' as const) }),
  fc.record({ kind: fc.constant('dispatch' as const), which, subscriber: fc.boolean() }),
  fc.record({ kind: fc.constant('applied' as const), which, statusCode: fc.constantFrom(200, 400) }),
  fc.record({ kind: fc.constant('fetch' as const), which, observe: fc.option(fc.boolean()) }),
  fc.record({ kind: fc.constant('report' as const), reported: values }),
);
type Wish = typeof wishes extends fc.Arbitrary<infer W> ? W : never;

const commandOf = (
  wish: Wish,
  { current, older }: { readonly current: string; readonly older: string },
  at: string,
): ConfigurationCommand => {
  const configId = 'which' in wish && wish.which === 'older' ? older : current;
  switch (wish.kind) {
    case 'change':
      return { type: 'ChangeDesired', mode: wish.mode, desired: wish.desired, source, rules, at };
    case 'reoffer':
      return { type: 'Reoffer', source, at };
    case 'dispatch':
      return { type: 'RecordDispatched', interface: 'mqtt', configId, subscriber: wish.subscriber, at };
    case 'applied':
      return { type: 'ReportApplied', interface: 'mqtt', configId, statusCode: wish.statusCode, at };
    case 'fetch':
      return {
        type: 'FetchDocument',
        interface: 'http',
        configId,
        at,
        ...(wish.observe === null ? {} : { observe: wish.observe }),
      };
    case 'report':
      return { type: 'ReportState', interface: 'mqtt', reported: wish.reported, limits, at };
  }
};

/** What whoever follows the published events makes of them. */
interface Follower {
  facts: SyncFacts;
  desired: Record<string, JsonValue>;
  reported: Record<string, JsonValue>;
}

const factOf = ({ contract: { entity, verb }, data }: Published): SyncFact | undefined => {
  const { configId } = data as ConfigurationFact;
  switch (`${entity} ${verb}`) {
    case 'desired-configuration changed':
      return { kind: 'desired', configId };
    case 'desired-configuration reoffered':
      return { kind: 'reoffered', configId };
    case 'configuration dispatched': {
      const { subscriber, at } = data as ConfigurationDispatched;
      return { kind: 'dispatched', configId, subscriber, at };
    }
    case 'configuration applied':
      return { kind: 'applied', configId };
    case 'configuration rejected':
      return { kind: 'rejected', configId };
    case 'reported-state changed':
      return undefined;
    default:
      throw new Error(`nobody follows ${entity} ${verb}`);
  }
};

const take = (follower: Follower, told: Published): void => {
  const fact = factOf(told);
  if (fact !== undefined) follower.facts = evolveSync(follower.facts, fact);
  const { changes = {} } = told.data as Partial<DesiredConfigurationChanged | ReportedStateChanged>;
  const side = told.contract.entity === 'reported-state' ? 'reported' : 'desired';
  follower[side] = changed(follower[side], changes);
};

const changed = (values: Record<string, JsonValue>, changes: ValueChanges): Record<string, JsonValue> => {
  const now = new Map(Object.entries(values));
  for (const [key, { to }] of Object.entries(changes)) {
    if (to === undefined) now.delete(key);
    else now.set(key, to);
  }
  return Object.fromEntries(now);
};

describe('whoever follows the published events of a device', () => {
  it('knows its values and its sync state as the service does, whatever happens', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(
        fc.array(fc.tuple(wishes, fc.integer({ min: 0, max: 20_000 })), { minLength: 1, maxLength: 25 }),
        (steps) => {
          let state = initial;
          let older = '';
          let clock = Date.UTC(2026, 0, 1);
          const follower: Follower = { facts: noSyncFacts, desired: {}, reported: {} };
          for (const [wish, pauseMs] of steps) {
            clock += pauseMs;
            const at = new Date(clock).toISOString();
            const before = state.configId;
            for (const event of decide(commandOf(wish, { current: before, older }, at), state)) {
              state = evolve(state, event);
              const told = publishedOfConfiguration({
                schemaVersion: 1,
                ...event,
                position: 1,
                tenantId: 'default',
                aggregate: 'configuration',
                streamId: 'd1',
                stream: 'configuration-d1',
                version: state.streamVersion,
                metadata: { actor: source },
                recordedAt: at,
              });
              for (const one of told) take(follower, one);
            }
            if (state.configId !== before) older = before;
            const now = new Date(clock);
            const syncState = syncStateOf(state, now, UNCONFIRMED_AFTER_MS);
            seen.add(syncState);
            expect(follower.facts).toEqual(syncFactsOf(state));
            expect(syncStateAt(follower.facts, now, UNCONFIRMED_AFTER_MS)).toBe(syncState);
            expect(follower.desired).toEqual(documentOf(state));
            expect(follower.reported).toEqual(reportedStateOf(state));
          }
        },
      ),
      { numRuns: 300 },
    );
    expect([...seen].sort()).toEqual(['dispatched', 'in_sync', 'none', 'pending', 'rejected', 'unconfirmed']);
  });
});
