import { describe, expect, it } from '@jest/globals';
import { Sessions } from './sessions.js';

const PUSH = 'kp1.v1.cex.tok1.command.reboot.status';
const queueOf = (client: string, qos = 1) => `mqtt-subscription-${client}qos${qos}`;

const scene = () => {
  const sessions = new Sessions();
  const tell = (name: string, headers: object) =>
    sessions.note({ name, headers: { ...headers }, redelivered: false });
  return {
    sessions,
    born: (client: string) => tell('queue.created', { name: queueOf(client) }),
    ended: (client: string) => tell('queue.deleted', { name: queueOf(client) }),
    here: (client: string, channel = 'ch1') => tell('consumer.created', { queue: queueOf(client), channel }),
    gone: (client: string, at: number, channel = 'ch1') =>
      tell('consumer.deleted', { queue: queueOf(client), channel, timestamp_in_ms: at }),
    subscribed: (client: string, pattern: string, at = 1) =>
      tell('binding.created', {
        destination_name: queueOf(client),
        routing_key: pattern,
        timestamp_in_ms: at,
      }),
    unsubscribed: (client: string, pattern: string) =>
      tell('binding.deleted', { destination_name: queueOf(client), routing_key: pattern }),
  };
};

describe('sessions', () => {
  it('are away when their client has left and may come back', () => {
    const { sessions, here, gone, subscribed } = scene();
    here('c1');
    subscribed('c1', 'kp1.v1.cex.tok1.#');
    expect(sessions.areAway(PUSH)).toBe(false);
    gone('c1', 5);
    expect(sessions.areAway(PUSH)).toBe(true);
    expect(sessions.areAway('kp1.v1.cmx.tok1.config.json.status')).toBe(false);
    expect(sessions.areAway('kp1.v1.cex.tok2.command.reboot.status')).toBe(false);
  });

  it('are reached without a consumer where RabbitMQ 4 makes the queue of the connection itself', () => {
    const { sessions, subscribed } = scene();
    const queue = queueOf('c1', 0);
    const headers = { name: queue, type: 'rabbit_mqtt_qos0_queue' };
    sessions.note({ name: 'queue.created', headers, redelivered: false });
    sessions.note({
      name: 'binding.created',
      headers: { destination_name: queue, routing_key: PUSH, timestamp_in_ms: 7 },
      redelivered: false,
    });
    expect(sessions.isReached(queue, PUSH)).toBe(true);
    expect(sessions.reachedSince(PUSH)).toBe(7);
    subscribed('c2', PUSH);
    expect(sessions.isReached(queueOf('c2'), PUSH)).toBe(false);
  });

  it('are away when the connection of their client has ended, where RabbitMQ 4 tells no more', () => {
    const { sessions, here, subscribed } = scene();
    const closed = (pid: string, at: number) =>
      sessions.note({ name: 'connection.closed', headers: { pid, timestamp_in_ms: at }, redelivered: false });
    here('c1', '<a.1>');
    subscribed('c1', PUSH);
    closed('<a.2>', 4);
    expect(sessions.areAway(PUSH)).toBe(false);
    here('c1', '<a.3>');
    closed('<a.1>', 5);
    expect(sessions.areAway(PUSH)).toBe(false);
    expect(sessions.takeBack(queueOf('c1'))?.at).toBe(5);
    closed('<a.3>', 6);
    expect(sessions.areAway(PUSH)).toBe(true);
  });

  it('are not away when one of them is not, or when none is known', () => {
    const { sessions, here, gone, subscribed, ended } = scene();
    expect(sessions.areAway(PUSH)).toBe(false);
    for (const client of ['c1', 'c2']) {
      here(client);
      subscribed(client, PUSH);
    }
    gone('c1', 5);
    expect(sessions.areAway(PUSH)).toBe(false);
    gone('c2', 5);
    expect(sessions.areAway(PUSH)).toBe(true);
    ended('c1');
    ended('c2');
    expect(sessions.areAway(PUSH)).toBe(false);
  });

  it('from before this process are not said to be away by what is subscribed to in them since', () => {
    const { sessions, subscribed, gone } = scene();
    subscribed('c1', PUSH);
    expect(sessions.areAway(PUSH)).toBe(false);
    gone('c1', 5);
    expect(sessions.areAway(PUSH)).toBe(true);
  });

  it('that are unsubscribed do not count', () => {
    const { sessions, here, gone, subscribed, unsubscribed } = scene();
    here('c1');
    subscribed('c1', PUSH);
    subscribed('c1', 'kp1.v1.cmx.tok1.#');
    unsubscribed('c1', PUSH);
    gone('c1', 5);
    expect(sessions.areAway(PUSH)).toBe(false);
    expect(sessions.areAway('kp1.v1.cmx.tok1.config.json.status')).toBe(true);
  });

  it('are back from the moment in which they were left', () => {
    const { sessions, born, here, gone, subscribed } = scene();
    born('c1');
    here('c1');
    subscribed('c1', PUSH, 3);
    expect([sessions.takeBack(queueOf('c1')), sessions.isNew(queueOf('c1'))]).toEqual([undefined, true]);
    expect(sessions.reachedSince(PUSH)).toBe(3);
    gone('c1', 5);
    expect(sessions.reachedSince(PUSH)).toBeUndefined();
    here('c1', 'ch2');
    expect(sessions.takeBack(queueOf('c1'))).toEqual({ patterns: [PUSH], at: 5 });
    expect([sessions.reachedSince(PUSH), sessions.areAway(PUSH)]).toEqual([5, false]);
  });

  it('that are taken over are back from the end of the older connection, whichever is told first', () => {
    const { sessions, here, gone, subscribed } = scene();
    here('c1');
    subscribed('c1', PUSH, 3);
    here('c1', 'ch2');
    gone('c1', 7);
    expect(sessions.takeBack(queueOf('c1'))).toEqual({ patterns: [PUSH], at: 7 });
    expect(sessions.areAway(PUSH)).toBe(false);
  });

  it('reach all who are subscribed only since the last of them was there', () => {
    const { sessions, here, subscribed } = scene();
    for (const [client, at] of [
      ['c1', 3],
      ['c2', 9],
    ] as const) {
      here(client);
      subscribed(client, PUSH, at);
    }
    expect(sessions.reachedSince(PUSH)).toBe(9);
  });

  it('know what was kept from them until they are offered it', () => {
    const { sessions, here, gone, subscribed } = scene();
    here('c1');
    subscribed('c1', PUSH);
    gone('c1', 5);
    expect(sessions.isOwed(queueOf('c1'))).toBe(false);
    sessions.areAway(PUSH);
    here('c1', 'ch2');
    expect(sessions.isOwed(queueOf('c1'))).toBe(true);
    sessions.takeBack(queueOf('c1'));
    expect(sessions.isOwed(queueOf('c1'))).toBe(false);
  });

  it('tell as which versions a token is listened for', () => {
    const { sessions, subscribed, unsubscribed } = scene();
    subscribed('c1', PUSH);
    subscribed('c2', 'kp1.v2.*.tok1.#');
    expect(sessions.versionsOf('tok1', 'cex')).toEqual(['v1', 'v2']);
    expect(sessions.versionsOf('tok1', 'cmx')).toEqual(['v2']);
    unsubscribed('c2', 'kp1.v2.*.tok1.#');
    expect([sessions.versionsOf('tok1', 'cmx'), sessions.versionsOf('tok2', 'cmx')]).toEqual([[], []]);
  });

  it('are forgotten when events may have been missed', () => {
    const { sessions, here, gone, subscribed } = scene();
    here('c1');
    subscribed('c1', PUSH);
    gone('c1', 5);
    sessions.forget();
    expect(sessions.areAway(PUSH)).toBe(false);
  });
});
