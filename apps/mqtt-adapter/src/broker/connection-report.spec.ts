import { describe, expect, it } from '@jest/globals';
import { reportOf } from './connection-report.js';

/** As RabbitMQ 3.10.8 sent them. */
const created = (change: Record<string, unknown> = {}) => ({
  client_properties: [],
  variable_map: '#{<<"client_id">> => <<"dev-1">>}',
  node: 'muster@localhost',
  type: 'direct',
  user: 'anonymous',
  name: '127.0.0.1:60362 -> 127.0.0.1:25422',
  protocol: `{'MQTT',"3.1.1"}`,
  pid: '<muster@localhost.1795222273.770.0>',
  timestamp_in_ms: 1795222283490,
  ...change,
});
const at = '2026-11-21T00:51:23.490Z';
const life = { broker: 'muster@localhost', incarnation: 1795222273 };

describe('an event of the broker', () => {
  it('says that a connection of a client was opened, on 3.10 and on 4.0', () => {
    const opened = { kind: 'opened', at, connection: '<muster@localhost.1795222273.770.0>', ...life };
    expect(reportOf('connection.created', created())).toEqual({ ...opened, clientId: 'dev-1' });
    const of4 = {
      variable_map: undefined,
      client_properties: ['{client_id,longstr,<<"pres-1">>}'],
      protocol: `{'MQTT',{3,1,1}}`,
    };
    expect(reportOf('connection.created', created(of4))).toEqual({ ...opened, clientId: 'pres-1' });
  });

  it.each([
    ['<<119,34,101,105,92,114,100,32,62,62,195,188,32,230,151,165,32,120>>', 'w"ei\\rd >>ü 日 x'],
    ['<<"üü">>', 'üü'],
    ['<<"a\\"b\\\\c\\td">>', 'a"b\\c\td'],
    [`<<"${'x'.repeat(128)}">>`, 'x'.repeat(128)],
  ])('names the client however Erlang prints it: %s', (printed, clientId) => {
    const variable_map = `#{<<"client_id">> => ${printed}}`;
    expect(reportOf('connection.created', created({ variable_map }))).toMatchObject({ clientId });
  });

  it('names a client whose id is too long for a key by its hash', () => {
    const variable_map = `#{<<"client_id">> => <<"${'x'.repeat(129)}">>}`;
    expect(reportOf('connection.created', created({ variable_map }))).toMatchObject({
      clientId: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    });
  });

  it('says that the broker runs, and which life of it that is, when somebody else connects', () => {
    const amqp = { protocol: '{0,9,1}', variable_map: undefined };
    expect(reportOf('connection.created', created(amqp))).toEqual({ kind: 'broker-seen', at, ...life });
  });

  it('says which connection ended', () => {
    const { name, node, pid, timestamp_in_ms } = created();
    expect(reportOf('connection.closed', { name, node, pid, timestamp_in_ms })).toEqual({
      kind: 'closed',
      connection: pid,
      at,
    });
  });

  it('that is another, or has another shape, says nothing', () => {
    expect(reportOf('connection.stats', created())).toBeUndefined();
    expect(reportOf('connection.created', created({ pid: 'pid' }))).toBeUndefined();
    expect(reportOf('connection.created', created({ timestamp_in_ms: undefined }))).toBeUndefined();
  });
});
