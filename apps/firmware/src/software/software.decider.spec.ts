import { describe, expect, it } from '@jest/globals';
import { scenario } from '@muster/testing';
import type { Candidate } from './next-hop.js';
import {
  decide,
  dueHop,
  dueHopAfterChange,
  dueHopSince,
  evolve,
  initial,
  isSuperseded,
  softwareOf,
  type FetchSoftware,
  type RecordOffered,
  type ReportSoftware,
} from './software.decider.js';
import type { SoftwareEvent } from './software.events.js';

const software = scenario({ initial, evolve, decide });
const second = (n: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, n)).toISOString();
const at = second(30);
const of = { software: 'default', interface: 'mqtt' } as const;

const may = (version: string, upgradableFrom: string[], availableSince = second(0)): Candidate => ({
  version,
  upgradableFrom,
  availableSince,
});
const fetch = (more: Partial<FetchSoftware> = {}): FetchSoftware => ({
  type: 'FetchSoftware',
  ...of,
  candidates: [],
  at,
  ...more,
});
const report = (version: string, statusCode = 200, more: Partial<ReportSoftware> = {}): ReportSoftware => ({
  type: 'ReportSoftware',
  ...of,
  version,
  statusCode,
  at,
  ...more,
});
const record = (version: string, more: Partial<RecordOffered> = {}): RecordOffered => ({
  type: 'RecordOffered',
  ...of,
  version,
  subscriber: true,
  at,
  ...more,
});
const offered = (version: string, offeredAt = at, subscriber = true): SoftwareEvent => ({
  type: 'SoftwareOffered',
  data: { ...of, version, subscriber, offeredAt },
});
const applied = (version: string, appliedAt = at, implicit = false): SoftwareEvent => ({
  type: 'SoftwareApplied',
  data: { ...of, version, implicit, appliedAt },
});
const rejected = (version: string, rejectedAt = at): SoftwareEvent => ({
  type: 'SoftwareRejected',
  data: { ...of, version, statusCode: 500, reasonPhrase: 'no', rejectedAt },
});
const ended: SoftwareEvent = { type: 'SoftwareEnded', data: { endedAt: at } };
const after = (...events: SoftwareEvent[]) => softwareOf(events.reduce(evolve, initial), 'default');

describe('FetchSoftware', () => {
  it('takes the version the device names for what it runs, and offers the next', () => {
    software
      .given([])
      .when(fetch({ configId: '1', candidates: [may('2', ['1'])] }))
      .then([applied('1', at, true), offered('2')]);
  });

  it('does nothing when nothing is new', () => {
    software
      .given([applied('1')])
      .when(fetch({ configId: '1' }))
      .then([]);
    software
      .given([])
      .when(fetch({ configId: '' }))
      .then([]);
  });

  it('remembers whether the device wants to be told', () => {
    const changed: SoftwareEvent = {
      type: 'SoftwareObservationChanged',
      data: { ...of, observe: false, changedAt: at },
    };
    software
      .given([])
      .when(fetch({ observe: false }))
      .then([changed]);
    software.given([changed]).when(fetch()).then([]);
  });

  it('does not offer what was refused, until it is made available anew', () => {
    const history = [offered('1', second(1)), rejected('1', second(2))];
    software
      .given(history)
      .when(fetch({ candidates: [may('1', [], second(0))] }))
      .then([]);
    software
      .given(history)
      .when(fetch({ candidates: [may('1', [], second(3))] }))
      .then([offered('1')]);
  });

  it('keeps software of other names apart, even of names that objects have', () => {
    software
      .given([applied('1')])
      .when(fetch({ software: 'constructor', configId: '1' }))
      .then([
        {
          type: 'SoftwareApplied',
          data: { ...of, software: 'constructor', version: '1', implicit: true, appliedAt: at },
        },
      ]);
  });
});

describe('ReportSoftware', () => {
  it('records what the device runs, known or not', () => {
    software
      .given([offered('2', second(1))])
      .when(report('2'))
      .then([applied('2')]);
    software
      .given([applied('2', second(1))])
      .when(report('strange'))
      .then([applied('strange')]);
  });

  it('records a refusal once', () => {
    const no = report('2', 500, { reasonPhrase: 'no' });
    software
      .given([offered('2', second(1))])
      .when(no)
      .then([rejected('2')]);
    software
      .given([offered('2', second(1)), rejected('2', second(2))])
      .when(no)
      .then([]);
  });

  it('records the same refusal again when the version was offered anew', () => {
    software
      .given([offered('2', second(1)), rejected('2', second(2)), offered('2', second(3))])
      .when(report('2', 500, { reasonPhrase: 'no' }))
      .then([rejected('2')]);
  });

  it('forgets the refusal of a version that the device runs after all', () => {
    const history = [rejected('2', second(1)), applied('2', second(2))];
    expect(after(...history).rejected).toBeNull();
    software
      .given([applied('2', second(0)), rejected('2', second(1))])
      .when(report('2'))
      .then([applied('2')]);
  });

  it('replaces what cannot be stored', () => {
    software
      .given([])
      .when(report('1\0\ud800'))
      .then([applied('1\ufffd\ufffd')]);
  });
});

describe('RecordOffered', () => {
  it('records an offer, and when it then reaches somebody', () => {
    software
      .given([])
      .when(record('1', { subscriber: false }))
      .then([offered('1', at, false)]);
    software
      .given([offered('1', second(1), false)])
      .when(record('1'))
      .then([offered('1')]);
  });

  it('passes over records that come late', () => {
    software
      .given([offered('2', second(9))])
      .when(record('1', { at: second(8) }))
      .then([]);
    software
      .given([applied('1', second(9))])
      .when(record('1', { at: second(8) }))
      .then([]);
    software
      .given([rejected('1', second(9))])
      .when(record('1', { at: second(8) }))
      .then([]);
  });
});

describe('EndSoftware', () => {
  it('is the end', () => {
    software
      .given([applied('1')])
      .when({ type: 'EndSoftware', at })
      .then([ended]);
    software.given([ended]).when(fetch()).thenThrows('device-not-found');
    software.given([ended]).when(report('1')).thenThrows('device-not-found');
    software.given([ended]).when(record('1')).thenThrows('device-not-found');
  });
});

describe('dueHop', () => {
  const candidates = [may('2', ['1'], second(5))];

  it('is the next hop, offered or not', () => {
    expect(dueHop(after(applied('1')), candidates)).toBe(candidates[0]);
    expect(dueHop(after(applied('1'), offered('2')), candidates)).toBe(candidates[0]);
  });

  it('is nothing after a refusal, until the version is made available anew', () => {
    expect(dueHop(after(applied('1'), rejected('2', second(5))), candidates)).toBeUndefined();
    expect(dueHop(after(applied('1'), rejected('2', second(4))), candidates)).toBe(candidates[0]);
    expect(dueHop(after(applied('1'), rejected('3', second(9))), candidates)).toBe(candidates[0]);
  });

  it('is nothing when it was put on the wire after the device became reachable', () => {
    const sent = after(applied('1'), offered('2', second(5)));
    expect(dueHopSince(sent, candidates, second(4))).toBeUndefined();
    expect(dueHopSince(sent, candidates, second(6))).toBe(candidates[0]);
    expect(dueHopSince(sent, candidates)).toBe(candidates[0]);
  });

  it('is nothing for a device that wants to be left alone', () => {
    const alone: SoftwareEvent = {
      type: 'SoftwareObservationChanged',
      data: { ...of, observe: false, changedAt: at },
    };
    expect(dueHop(after(applied('1'), alone), candidates)).toBeUndefined();
  });
});

describe('dueHopAfterChange', () => {
  const candidates = [may('2', ['1'], second(5))];
  const dueNow = (...events: SoftwareEvent[]) =>
    dueHopAfterChange(after(applied('1'), ...events), candidates);

  it('is the next hop, unless somebody was there for it since it is available', () => {
    expect(dueNow()).toBe(candidates[0]);
    expect(dueNow(offered('2', second(6), false))).toBe(candidates[0]);
    expect(dueNow(offered('3', second(6)))).toBe(candidates[0]);
    expect(dueNow(offered('2', second(4)))).toBe(candidates[0]);
    expect(dueNow(offered('2', second(5)))).toBeUndefined();
  });
});

describe('isSuperseded', () => {
  const candidates = [may('3', ['1']), may('2', ['1'])];
  const isOlder = (...events: SoftwareEvent[]) => isSuperseded(after(applied('1'), ...events), candidates);

  it('is a version on the wire that is not the one that is due', () => {
    expect(isOlder(offered('2'))).toBe(true);
    expect(isOlder(offered('3'))).toBe(false);
    expect(isOlder()).toBe(false);
  });

  it('is not one that nobody was there for, nor one that the device has answered', () => {
    expect(isOlder(offered('2', at, false))).toBe(false);
    expect(isOlder(offered('2'), rejected('2'))).toBe(false);
    expect(isSuperseded(after(offered('1'), applied('1')), candidates)).toBe(false);
  });
});

/** As they lie in the table, version 1. Never edited: a changed shape is a new version with an upcast, and a new line. */
const stored = `
{"type":"SoftwareObservationChanged","data":{"software":"default","interface":"http","observe":true,"changedAt":"2026-01-01T00:00:00.000Z"}}
{"type":"SoftwareApplied","data":{"software":"default","interface":"http","version":"1","implicit":true,"appliedAt":"2026-01-01T00:00:01.000Z"}}
{"type":"SoftwareOffered","data":{"software":"default","interface":"mqtt","version":"2","subscriber":true,"offeredAt":"2026-01-01T00:00:02.000Z"}}
{"type":"SoftwareRejected","data":{"software":"default","interface":"mqtt","version":"2","statusCode":500,"reasonPhrase":"no","rejectedAt":"2026-01-01T00:00:03.000Z"}}
{"type":"SoftwareEnded","data":{"endedAt":"2026-01-01T00:00:04.000Z"}}
`;

describe('stored events of software', () => {
  it('are still read', () => {
    const events = stored
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as SoftwareEvent);
    expect(events.reduce(evolve, initial)).toEqual({
      ended: true,
      software: {
        default: {
          observe: true,
          reported: { version: '1', at: '2026-01-01T00:00:01.000Z' },
          offered: { version: '2', subscriber: true, at: '2026-01-01T00:00:02.000Z', refused: true },
          rejected: {
            version: '2',
            statusCode: 500,
            reasonPhrase: 'no',
            at: '2026-01-01T00:00:03.000Z',
          },
        },
      },
    });
  });
});
