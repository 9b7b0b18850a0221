import { describe, expect, it } from '@jest/globals';
import { atBroker, mosquittoPub, mosquittoSub } from './mosquitto.js';

/** The broker as deploy/rabbitmq sets it up, whom nobody but its own users may reach. */
const at = (username: string, password: string): readonly string[] => {
  const [host = '', name = '', port = '', number = ''] = atBroker();
  return [host, name, port, number, ...(username === '' ? [] : ['-u', username, '-P', password])];
};

describe('the broker', () => {
  it('carries the messages of the door', async () => {
    const subscription = await mosquittoSub([...atBroker(), '-t', 'kp1/app-v1/+/token-1/#', '-q', '1', '-v']);
    try {
      const publish = await mosquittoPub([
        ...atBroker(),
        ...['-t', 'kp1/app-v1/dcx/token-1/json/1', '-m', '{"a":1}', '-q', '1'],
      ]);
      expect(publish).toMatchObject({ code: 0, stderr: '' });
      await subscription.line((line) => line === 'kp1/app-v1/dcx/token-1/json/1 {"a":1}');
    } finally {
      await subscription.stop();
    }
  });

  it.each([
    ['without a name', '', ''],
    ['by its built-in user', 'guest', 'guest'],
    ['with a wrong password', 'muster-front', 'wrong'],
  ])('lets nobody in %s', async (_how, username, password) => {
    const { code } = await mosquittoPub([...at(username, password), '-t', 'kp1/a/dcx/t/json', '-m', '1']);
    expect(code).not.toBe(0);
  });
});
