import { describe, expect, it } from '@jest/globals';
import { type Decider, scenario } from './scenario.js';

type Switched = { type: 'Switched'; on: boolean };
type Command = { type: 'SwitchOn' } | { type: 'Toggle' } | { type: 'Break' };

const lamp: Decider<boolean, Command, Switched> = {
  initial: false,
  evolve: (_state, event) => event.on,
  decide: (command, on) => {
    if (command.type === 'Break') throw Object.assign(new Error('no'), { code: 'lamp-broken' });
    if (command.type === 'SwitchOn') return on ? [] : [{ type: 'Switched', on: true }];
    return [{ type: 'Switched', on: !on }];
  },
};
const switchedOn: Switched = { type: 'Switched', on: true };

describe('scenario', () => {
  it('compares the events', () => {
    scenario(lamp).given([]).when({ type: 'SwitchOn' }).then([switchedOn]);
    scenario(lamp).given([switchedOn]).when({ type: 'SwitchOn' }).then([]);
    expect(() => scenario(lamp).given([]).when({ type: 'SwitchOn' }).then([])).toThrow();
  });

  it('fails a command that changes something again when it is sent twice', () => {
    expect(() => scenario(lamp).given([]).when({ type: 'Toggle' }).then([switchedOn])).toThrow(
      'the same command sent a second time must yield no events: {"type":"Toggle"}',
    );
  });

  it('allows that with a reason', () => {
    scenario(lamp)
      .given([])
      .when({ type: 'Toggle' }, { notIdempotentBecause: 'a toggle is meant to change every time' })
      .then([switchedOn]);
  });

  it('compares the code of the error, and fails when nothing is thrown', () => {
    scenario(lamp).given([]).when({ type: 'Break' }).thenThrows('lamp-broken');
    expect(() => scenario(lamp).given([]).when({ type: 'Break' }).thenThrows('other')).toThrow('lamp-broken');
    expect(() => scenario(lamp).given([]).when({ type: 'SwitchOn' }).thenThrows('lamp-broken')).toThrow();
  });
});
