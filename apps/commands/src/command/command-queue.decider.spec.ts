import { describe, expect, it } from '@jest/globals';
import type { JsonValue } from '@muster/contracts';
import { scenario } from '@muster/testing';
import {
  commandQueue,
  evolve,
  initial,
  type CreateCommand,
  type QueueCommand,
  type ReportResult,
} from './command-queue.decider.js';
import type { CommandEvent } from './command-queue.events.js';

const at = (second: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
const limits = { payloadBytes: 100, outstanding: 3, ttlSeconds: 600 };
const queue = scenario(commandQueue);

const create = (second: number, more: Partial<CreateCommand> = {}): CreateCommand => ({
  type: 'CreateCommand',
  ttlSeconds: 60,
  limits,
  at: at(second),
  ...more,
});
const report = (id: number, second: number, more: Partial<ReportResult> = {}): ReportResult => ({
  type: 'ReportResult',
  id,
  statusCode: 200,
  limits,
  at: at(second),
  ...more,
});
const cancel = (id: number, second: number): QueueCommand => ({ type: 'CancelCommand', id, at: at(second) });
const expire = (second: number): QueueCommand => ({ type: 'ExpireCommands', at: at(second) });
const observe = (wish: boolean): QueueCommand => ({ type: 'Observe', observe: wish, at: at(0) });
const end: QueueCommand = { type: 'EndQueue', at: at(5) };

/** Created at second `id`, for a minute. */
const created = (id: number, payload?: JsonValue): CommandEvent => ({
  type: 'CommandCreated',
  data: {
    id,
    ...(payload === undefined ? {} : { payload }),
    createdAt: at(id),
    expiresAt: at(id + 60),
  },
});
const expired = (id: number): CommandEvent => ({
  type: 'CommandExpired',
  data: { id, expiredAt: at(id + 60) },
});
const executed = (id: number, second: number): CommandEvent => ({
  type: 'CommandExecuted',
  data: { id, statusCode: 200, answeredAt: at(second) },
});
const late = (id: number, second: number): CommandEvent => ({
  type: 'CommandAnsweredLate',
  data: { id, statusCode: 200, answeredAt: at(second) },
});
const cancelled = (id: number, second: number): CommandEvent => ({
  type: 'CommandCancelled',
  data: { id, cancelledAt: at(second) },
});
const observed = (wish: boolean): CommandEvent => ({
  type: 'ObservationChanged',
  data: { observe: wish, changedAt: at(0) },
});
const ended: CommandEvent = { type: 'QueueEnded', data: { endedAt: at(5) } };

const another = {
  notIdempotentBecause: 'each creation is another command; Idempotency-Key is for repetitions',
};

const sent = (...ids: number[]): CommandEvent => ({
  type: 'CommandsSent',
  data: { ids, interface: 'mqtt', sentAt: at(4) },
});
const recordSent = (...ids: number[]): QueueCommand => ({
  type: 'RecordSent',
  ids,
  interface: 'mqtt',
  at: at(4),
});

describe('RecordSent', () => {
  it('tells once of each command that waits for the device', () => {
    queue
      .given([created(1), created(2), created(3)])
      .when(recordSent(1, 3))
      .then([sent(1, 3)]);
    queue
      .given([created(1), created(2), sent(1)])
      .when(recordSent(1, 2))
      .then([sent(2)]);
    queue
      .given([created(1), sent(1)])
      .when(recordSent(1))
      .then([]);
  });

  it('passes over what is finished, was never given out, or belongs to a deleted device', () => {
    queue
      .given([created(1), executed(1, 3)])
      .when(recordSent(1, 99))
      .then([]);
    queue
      .given([created(1), cancelled(1, 5), ended])
      .when(recordSent(1))
      .then([]);
  });
});

describe('CreateCommand', () => {
  it('gives the first command the id 1', () => {
    queue
      .given([])
      .when(create(1, { payload: { x: 1 } }), another)
      .then([created(1, { x: 1 })]);
  });

  it('gives the next id, also when all before are finished', () => {
    queue
      .given([created(1), executed(1, 2)])
      .when(create(2), another)
      .then([created(2)]);
    queue
      .given([created(1), cancelled(1, 1)])
      .when(create(2), another)
      .then([created(2)]);
  });

  it('tells a payload of null from none', () => {
    queue
      .given([])
      .when(create(1, { payload: null }), another)
      .then([created(1, null)]);
  });

  it('refuses one more than may be outstanding', () => {
    queue
      .given([created(1), created(2), created(3)])
      .when(create(4))
      .thenThrows('too-many-commands');
    queue
      .given([created(1), created(2), created(3), executed(2, 4)])
      .when(create(4), another)
      .then([created(4)]);
  });

  it('does not count commands past their expiry, and records that they are', () => {
    queue
      .given([created(1), created(2), created(3)])
      .when(create(61, { ttlSeconds: 10 }), another)
      .then([expired(1), { type: 'CommandCreated', data: { id: 4, createdAt: at(61), expiresAt: at(71) } }]);
  });

  it('refuses a longer time to live than is allowed', () => {
    queue
      .given([])
      .when(create(1, { ttlSeconds: 601 }))
      .thenThrows('invalid-request');
  });

  it('measures the payload in bytes of UTF-8', () => {
    queue
      .given([])
      .when(create(1, { payload: 'é'.repeat(50) }))
      .thenThrows('payload-too-large');
    queue
      .given([])
      .when(create(1, { payload: 'é'.repeat(49) }), another)
      .then([created(1, 'é'.repeat(49))]);
  });

  it('refuses what devices or the database could not take', () => {
    let nested: JsonValue = 1;
    for (let depth = 0; depth < 33; depth += 1) nested = [nested];
    for (const payload of [nested, 'a\0b', { 'k\0': 1 }, ['\ud800']]) {
      queue.given([]).when(create(1, { payload })).thenThrows('invalid-payload');
    }
  });

  it('refuses when the ids are used up', () => {
    queue
      .given([created(2_147_483_647)])
      .when(create(1))
      .thenThrows('too-many-commands');
  });

  it('refuses for a deleted device', () => {
    queue
      .given([created(1), ended])
      .when(create(2))
      .thenThrows('device-not-found');
  });
});

describe('ReportResult', () => {
  it.each([
    [199, 'CommandFailed'],
    [200, 'CommandExecuted'],
    [299, 'CommandExecuted'],
    [300, 'CommandFailed'],
    [500, 'CommandFailed'],
  ] as const)('with %i ends a command: %s', (statusCode, type) => {
    queue
      .given([created(1), created(2)])
      .when(report(1, 3, { statusCode, reasonPhrase: 'so', result: { y: 2 } }))
      .then([{ type, data: { id: 1, statusCode, reasonPhrase: 'so', result: { y: 2 }, answeredAt: at(3) } }]);
  });

  it('keeps the first result', () => {
    queue
      .given([created(1), executed(1, 2)])
      .when(report(1, 3, { statusCode: 500 }))
      .then([]);
  });

  it('is late for a cancelled or expired command, the first time', () => {
    queue
      .given([created(1), cancelled(1, 2)])
      .when(report(1, 3))
      .then([late(1, 3)]);
    queue
      .given([created(1), expired(1)])
      .when(report(1, 62))
      .then([late(1, 62)]);
    queue
      .given([created(1), expired(1), late(1, 62)])
      .when(report(1, 63, { statusCode: 500 }))
      .then([]);
  });

  it('is checked when it is late, as any other', () => {
    const given = queue.given([created(1), expired(1)]);
    given.when(report(1, 62, { statusCode: 9 })).thenThrows('invalid-payload');
    given.when(report(1, 62, { result: 'x'.repeat(99) })).thenThrows('payload-too-large');
  });

  it('is ignored when it is late and a thousand others have ended since', () => {
    const many = Array.from({ length: 1_001 }, (_, index) => created(index + 1));
    const given = queue.given([...many, ...many.map((_, index) => cancelled(index + 1, 2))]);
    given.when(report(1, 3)).then([]);
    given.when(report(2, 3)).then([late(2, 3)]);
  });

  it('comes too late from the very moment of the expiry on, before that was recorded', () => {
    queue
      .given([created(1)])
      .when(report(1, 61))
      .then([expired(1), late(1, 61)]);
    queue
      .given([created(1)])
      .when(report(1, 60))
      .then([executed(1, 60)]);
  });

  it.each([0, -1, 2, 2 ** 40])('for the id %d, which was never given out, is refused', (id) => {
    queue
      .given([created(1)])
      .when(report(id, 2))
      .thenThrows('command-not-found');
    queue.given([]).when(report(id, 2)).thenThrows('command-not-found');
  });

  it('is refused where it could not be kept', () => {
    for (const statusCode of [99, 600, -1]) {
      queue
        .given([created(1)])
        .when(report(1, 2, { statusCode }))
        .thenThrows('invalid-payload');
    }
    queue
      .given([created(1)])
      .when(report(1, 2, { result: 'x'.repeat(99) }))
      .thenThrows('payload-too-large');
  });

  it('loses characters that cannot be stored, and a long reason its end', () => {
    queue
      .given([created(1)])
      .when(report(1, 2, { reasonPhrase: 'r\0' + 'x'.repeat(2_000), result: { 'k\0': ['\udc00'] } }))
      .then([
        {
          type: 'CommandExecuted',
          data: {
            id: 1,
            statusCode: 200,
            reasonPhrase: 'r\ufffd' + 'x'.repeat(998),
            result: { 'k\ufffd': ['\ufffd'] },
            answeredAt: at(2),
          },
        },
      ]);
  });

  it('is accepted and ignored after the device was deleted', () => {
    queue
      .given([created(1), cancelled(1, 5), ended])
      .when(report(1, 6))
      .then([]);
  });
});

describe('CancelCommand', () => {
  it('ends a pending command', () => {
    queue
      .given([created(1), created(2)])
      .when(cancel(1, 3))
      .then([cancelled(1, 3)]);
  });

  it('does nothing to one that is cancelled', () => {
    queue
      .given([created(1), cancelled(1, 2)])
      .when(cancel(1, 3))
      .then([]);
  });

  it('is refused for one that is finished otherwise', () => {
    queue
      .given([created(1), executed(1, 2)])
      .when(cancel(1, 3))
      .thenThrows('command-finished');
    queue
      .given([created(1)])
      .when(cancel(1, 61))
      .thenThrows('command-finished');
  });

  it('is refused for one that never was', () => {
    queue
      .given([created(1)])
      .when(cancel(2, 3))
      .thenThrows('command-not-found');
  });
});

describe('ExpireCommands', () => {
  it('records the expiry of those that are past it, with the time they had', () => {
    queue
      .given([created(1), created(2), created(3), executed(1, 4)])
      .when(expire(62))
      .then([expired(2)]);
  });

  it('does nothing before', () => {
    queue
      .given([created(1)])
      .when(expire(60))
      .then([]);
  });
});

describe('Observe', () => {
  it('remembers both wishes, and each once', () => {
    queue
      .given([])
      .when(observe(false))
      .then([observed(false)]);
    queue
      .given([])
      .when(observe(true))
      .then([observed(true)]);
    queue
      .given([observed(true), observed(false)])
      .when(observe(false))
      .then([]);
  });

  it('is refused for a deleted device', () => {
    queue.given([ended]).when(observe(true)).thenThrows('device-not-found');
  });
});

describe('EndQueue', () => {
  it('cancels what is outstanding and ends the stream', () => {
    queue
      .given([created(1), created(2), executed(1, 3)])
      .when(end)
      .then([cancelled(2, 5), ended]);
  });
});

describe('the state', () => {
  it('stays small however many commands were finished', () => {
    let state = initial;
    for (let id = 1; id <= 1_000; id += 1) {
      state = evolve(evolve(state, created(id)), id % 2 === 0 ? cancelled(id, 1) : executed(id, 1));
    }
    expect(state.outstanding).toEqual([]);
    expect(state.cancelled).toHaveLength(100);
    expect(state.nextId).toBe(1_001);
  });
});
