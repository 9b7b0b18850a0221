import { describe, expect, it } from '@jest/globals';
import { commandIdOf, commandOf, queueId, queueOf } from './names.js';

describe('the id of a command', () => {
  it('is its type and its number', () => {
    expect(commandOf(commandIdOf('close-door', 7))).toEqual({ type: 'close-door', number: 7 });
  });

  it.each([
    '',
    ':',
    'a',
    'a:',
    ':1',
    'a:0',
    'a:01',
    'a:-1',
    'a:1:2',
    'a.b:1',
    'a:2147483648',
    'a:99999999999',
  ])('is never %j', (text) => {
    expect(commandOf(text)).toBeUndefined();
  });
});

describe('the id of a stream', () => {
  it('is the device and the type', () => {
    expect(queueOf(queueId('0193-a', 'close-door'))).toEqual({ deviceId: '0193-a', type: 'close-door' });
  });
});
