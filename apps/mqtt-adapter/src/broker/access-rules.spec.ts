import { describe, expect, it } from '@jest/globals';
import { decideResource, decideTopic, decideUser, decideVhost, type Verdict } from './access-rules.js';

const on = { anonymous: true };
const off = { anonymous: false };
const parameters = (values: Record<string, string | undefined>): Map<string, string> =>
  new Map(Object.entries(values).filter((pair): pair is [string, string] => pair[1] !== undefined));

const user = { username: 'anonymous', password: 'anonymous', vhost: '/', client_id: 'dev-1' };
const vhost = { username: 'anonymous', vhost: '/', ip: '127.0.0.1', client_id: 'dev-1' };
const queue = {
  username: 'anonymous',
  vhost: '/',
  resource: 'queue',
  name: 'mqtt-subscription-dev-1qos1',
  permission: 'configure',
  client_id: 'dev-1',
};
const exchange = { ...queue, resource: 'exchange', name: 'amq.topic', permission: 'write' };
const topic = {
  username: 'anonymous',
  vhost: '/',
  resource: 'topic',
  name: 'amq.topic',
  permission: 'write',
  routing_key: 'kp1.app-v1.dcx.tok1.json.32',
  'variable_map.client_id': 'dev-1',
  'variable_map.username': 'anonymous',
};
const why = (verdict: Verdict): string =>
  'topic' in verdict ? 'asks for the token' : verdict.allow ? 'allowed' : verdict.why;

describe('a login', () => {
  it('of an anonymous MQTT client is allowed, unless they are switched off', () => {
    expect(why(decideUser(parameters(user), on))).toBe('allowed');
    expect(why(decideUser(parameters(user), off))).toBe('anonymous clients are switched off');
    expect(why(decideVhost(parameters(vhost), on))).toBe('allowed');
    expect(why(decideVhost(parameters(vhost), off))).toBe('anonymous clients are switched off');
  });

  it('of anybody else is refused (rule 4: one principal, so no client id can be taken over by another)', () => {
    for (const username of ['alice', 'Anonymous', 'muster', '', undefined]) {
      expect(why(decideUser(parameters({ ...user, username }), on))).toBe('unknown user name');
      expect(why(decideVhost(parameters({ ...vhost, username }), on))).toBe('unknown user name');
    }
  });

  it('without a client id is refused: AMQP, management, streams (rule 5)', () => {
    for (const client_id of ['', undefined]) {
      expect(why(decideUser(parameters({ ...user, client_id }), on))).toMatch(/no client id/);
      expect(why(decideVhost(parameters({ ...vhost, client_id }), on))).toMatch(/no client id/);
    }
  });

  it('without a password, or with "none", is refused: the forgeable certificate login (rule 6)', () => {
    for (const password of [undefined, '', 'none']) {
      expect(why(decideUser(parameters({ ...user, password }), on))).toBe('no password');
    }
  });

  it('into another virtual host is refused', () => {
    expect(why(decideVhost(parameters({ ...vhost, vhost: 'other' }), on))).toBe('other virtual host');
  });
});

describe('a resource', () => {
  it.each(['configure', 'read', 'write'])("is the client's own session queue (%s)", (permission) => {
    expect(why(decideResource(parameters({ ...queue, permission }), on))).toBe('allowed');
    expect(
      why(decideResource(parameters({ ...queue, permission, name: 'mqtt-subscription-dev-1qos0' }), on)),
    ).toBe('allowed');
  });

  it.each([
    'mqtt-subscription-dev-2qos1',
    'mqtt-subscription-dev-1qos2',
    'mqtt-subscription-dev-1qos1x',
    'xmqtt-subscription-dev-1qos1',
    'muster.uplink',
    '',
  ])('is not the queue %j (rule 3)', (name) => {
    expect(why(decideResource(parameters({ ...queue, name }), on))).toMatch(/other queue/);
  });

  it('is amq.topic to publish and subscribe, nothing else of it and no other exchange (rule 3)', () => {
    expect(why(decideResource(parameters(exchange), on))).toBe('allowed');
    expect(why(decideResource(parameters({ ...exchange, permission: 'read' }), on))).toBe('allowed');
    expect(why(decideResource(parameters({ ...exchange, permission: 'configure' }), on))).toMatch(
      /other exchange/,
    );
    for (const name of ['amq.direct', 'amq.rabbitmq.event', '']) {
      expect(why(decideResource(parameters({ ...exchange, name }), on))).toMatch(/other exchange/);
    }
    expect(why(decideResource(parameters({ ...exchange, resource: 'topic' }), on))).toMatch(/other queue/);
  });

  it('is nothing for anybody else', () => {
    expect(why(decideResource(parameters({ ...queue, username: 'alice' }), on))).toBe('unknown user name');
    expect(why(decideResource(parameters(queue), off))).toBe('anonymous clients are switched off');
    expect(why(decideResource(parameters({ ...queue, client_id: undefined }), on))).toMatch(/no client id/);
    expect(why(decideResource(parameters({ ...queue, vhost: 'other' }), on))).toBe('other virtual host');
  });
});

describe('a topic', () => {
  const write = (routing_key: string) => decideTopic(parameters({ ...topic, routing_key }), on);
  const read = (routing_key: string) =>
    decideTopic(parameters({ ...topic, permission: 'read', routing_key }), on);

  it('to publish to names the token that decides', () => {
    expect(write('kp1.app-v1.dcx.tok1.json.32')).toEqual({
      topic: {
        permission: 'write',
        routingKey: 'kp1.app-v1.dcx.tok1.json.32',
        appVersion: 'app-v1',
        token: 'tok1',
      },
    });
    expect(why(write('kp1.app-v1.no-such-thing.tok1'))).toBe('asks for the token');
  });

  it('is at most 255 bytes, to publish and to subscribe (rule 1: a longer one kills the adapter)', () => {
    const key = `kp1.a.dcx.tok1.${'x'.repeat(240)}`;
    expect(key).toHaveLength(255);
    expect(why(write(key))).toBe('asks for the token');
    expect(why(write(`${key}x`))).toBe('topic longer than 255 bytes');
    expect(why(read(`${key}x`))).toBe('topic longer than 255 bytes');
    // 254 characters, more bytes.
    expect(why(write(`kp1.a.dcx.tok1.${'ü'.repeat(239)}`))).toBe('topic longer than 255 bytes');
  });

  it.each([
    'kp1.a.dcx.tok1.*',
    'kp1.a.dcx.tok1.#',
    'kp1.*.dcx.tok1.json',
    'kp1.a.#.tok1.json',
    'kp1.a.dcx.tok1.js#n',
  ])('to publish to holds no wildcard: %s (rule 2)', (key) =>
    expect(why(write(key))).toBe('wildcard in a topic to publish to'),
  );

  it.each(['kp1.a.dcx.tok1.json.status', 'kp1.a.dcx.tok1.json.1.error', 'kp1.a.cmx.tok1.config.json.status'])(
    'that the platform speaks on is not to publish to: %s',
    (key) => expect(why(write(key))).toMatch(/for the platform/),
  );

  it.each([
    ['kp1..dcx.tok1.json', 'empty level'],
    ['kp1.a.dcx.tok1.', 'empty level'],
    ['.kp1.a.dcx.tok1.json', 'empty level'],
    ['', 'empty level'],
    ['kp2.a.dcx.tok1.json', 'does not begin with kp1'],
    ['KP1.a.dcx.tok1.json', 'does not begin with kp1'],
    ['amq.topic', 'does not begin with kp1'],
    ['kp1.a.dcx', 'fewer than four levels'],
  ])('is of the protocol, which %j is not (rule 7)', (key, reason) => {
    expect(why(write(key))).toContain(reason);
    expect(why(read(key))).toContain(reason);
  });

  it.each([
    'kp1.a.dcx.tok1.json.status',
    'kp1.a.*.tok1.#',
    'kp1.a.dcx.tok1.json.*.status',
    'kp1.a.dcx.tok1.#',
    'kp1.a.cmx.tok1.#.status',
    'kp1.a.cmx.tok1',
  ])('to subscribe to may hold wildcards beside version and token: %s (rule 7)', (key) => {
    expect(read(key)).toMatchObject({ topic: { permission: 'read', appVersion: 'a', token: 'tok1' } });
  });

  it.each([
    'kp1.*.dcx.tok1.json',
    'kp1.a.dcx.*.json',
    'kp1.a.dcx.#',
    'kp1.a.#.tok1.json',
    'kp1.#',
    '#',
    '*.a.dcx.tok1.json',
    'kp1.a.dcx.t*k.json',
  ])('to subscribe to holds none elsewhere: %s (rule 7)', (key) => {
    expect(read(key)).toMatchObject({ allow: false });
  });

  it('is nothing for other users, exchanges, hosts and permissions', () => {
    const changed = (change: Record<string, string | undefined>) =>
      why(decideTopic(parameters({ ...topic, ...change }), on));
    expect(changed({ username: 'alice' })).toBe('unknown user name');
    expect(changed({ 'variable_map.client_id': undefined })).toMatch(/no client id/);
    expect(changed({ vhost: 'other' })).toBe('other virtual host');
    expect(changed({ name: 'amq.direct' })).toBe('other exchange');
    expect(changed({ permission: 'configure' })).toBe('unknown permission');
    expect(why(decideTopic(parameters(topic), off))).toBe('anonymous clients are switched off');
  });
});
