import { describe, expect, it } from '@jest/globals';
import { KeptSessions } from './kept-sessions.js';

const scene = (connected: readonly string[] = []) => {
  const ended: string[] = [];
  const sessions = new KeptSessions(
    { sessionsPerDevice: 2 },
    (id) => connected.includes(id),
    (id) => ended.push(id),
  );
  return { sessions, ended, begin: (id: string, isPresent = false) => sessions.begin('d1', id, isPresent) };
};

describe('the sessions of a device', () => {
  it('are no more than its limit: the one ends whose client was here longest ago', () => {
    const { begin, ended, sessions } = scene();
    for (const id of ['a', 'b']) begin(id);
    begin('a', true);
    sessions.begin('d2', 'x', false);
    begin('c');
    expect(ended).toEqual(['b']);
  });

  it('end last where a client is in them, and are not counted when they are over', () => {
    const { begin, ended, sessions } = scene(['a']);
    for (const id of ['a', 'b', 'c']) begin(id);
    expect(ended).toEqual(['b']);
    sessions.forget('d1', 'a');
    begin('d');
    expect(ended).toEqual(['b']);
  });

  it('keep what they are subscribed to for as long as the broker does', () => {
    const { begin } = scene();
    begin('a').add('kp1/x');
    expect([...begin('a', true)]).toEqual(['kp1/x']);
    expect([...begin('a', false)]).toEqual([]);
  });

  it('go with their client from front to front, with what they are subscribed to', () => {
    const [here, there] = [scene(['b']), scene()];
    here.begin('a').add('kp1/x');
    for (const filter of ['kp1/x', 'kp1/y']) here.begin('b', true).add(filter);
    const known = here.sessions.giveAway('d1', 'a');
    // Before the client is in it there, or after.
    there.sessions.learn('d1', 'a', known);
    const filters = there.begin('a', true);
    there.sessions.learn('d1', 'a', ['kp1/z']);
    expect([...filters]).toEqual(['kp1/x', 'kp1/z']);
    // One that the broker has forgotten has none.
    there.sessions.learn('d1', 'c', ['kp1/x']);
    expect([...there.begin('c', false)]).toEqual([]);
    here.begin('c');
    expect([here.ended, here.sessions.giveAway('d1', 'a')]).toEqual([[], []]);
  });
});
