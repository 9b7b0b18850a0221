import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { definitionFiles, explainRabbitmq, saltedHash, userDefinitions } from './rabbitmq.js';

const declared = readFileSync(
  join(import.meta.dirname, '../../../../deploy/rabbitmq/definitions.json'),
  'utf8',
);

describe("RabbitMQ's definitions", () => {
  it('hash a password as RabbitMQ documents it', () => {
    const salt = Buffer.from('908DC60A', 'hex');
    expect(saltedHash(salt, 'test12')).toBe('kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR');
  });

  it('let nobody in before the queues are there: the users are in a file that is loaded later', () => {
    const files = definitionFiles(declared, { amqpPassword: 'secret', frontPassword: 'other' });
    const sorted = files.toSorted((one, other) => (one.name < other.name ? -1 : 1));
    expect(sorted.map(({ content }) => Object.keys(JSON.parse(content) as object))).toEqual([
      expect.arrayContaining(['queues', 'bindings']),
      ['users', 'permissions'],
    ]);
    expect(declared).not.toMatch(/"(users|permissions)"/);
  });

  it('let in the users, of whom the front is but an MQTT client, and are the same each time', () => {
    const passwords = { amqpPassword: 'secret', frontPassword: 'other' };
    const users = userDefinitions(passwords);
    expect(JSON.parse(users)).toMatchObject({
      permissions: [
        { user: 'muster-adapter', vhost: '/', configure: '.*', write: '.*', read: '.*' },
        { user: 'muster-front', vhost: '/', configure: '^mqtt-(subscription|will)-' },
      ],
    });
    const [, front] = (JSON.parse(users) as { permissions: { write: string; read: string }[] }).permissions;
    const may = (what: 'write' | 'read', ...names: readonly string[]): boolean[] =>
      names.map((name) => new RegExp(front?.[what] ?? '').test(name));
    // The default exchange: where a will waits that is to be published later.
    expect(may('write', 'amq.topic', 'amq.default', 'muster.uplink', 'amq.direct')).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(may('read', 'amq.topic', 'amq.default', 'muster.uplink')).toEqual([true, false, false]);
    expect(users).not.toMatch(/"secret"|"other"/);
    expect(userDefinitions(passwords)).toBe(users);
  });

  it('take only what devices send up: never a binding that would catch our own answers', () => {
    const { bindings } = JSON.parse(declared) as { bindings: { source: string; routing_key: string }[] };
    const uplink = bindings.filter(({ source }) => source === 'amq.topic').map(({ routing_key: key }) => key);
    expect(uplink.length).toBeGreaterThan(0);
    for (const key of uplink) expect(key).not.toMatch(/#|status|error/);
  });
});

describe('explainRabbitmq', () => {
  it('finds the one line that matters', () => {
    const log = [
      '2026-11-20 22:00:00.1 [info] <0.222.0> Starting broker',
      '2026-11-20 22:00:01.2 [error] <0.222.0> ERROR: could not bind to distribution port 17567, it is in use',
      '{lots,of,[terms]}',
    ].join('\n');
    expect(explainRabbitmq(log)?.message).toBe(
      'ERROR: could not bind to distribution port 17567, it is in use',
    );
    expect(explainRabbitmq('all is well')).toBeUndefined();
  });
});
