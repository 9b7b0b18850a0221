import { describe, expect, it } from '@jest/globals';
import { readSettings, TEST_OFFSETS, testSettings } from './settings.js';

describe('readSettings', () => {
  it('gives users the standard ports and keeps the others together', () => {
    const { ports } = readSettings('/x', {});
    expect(ports).toMatchObject({
      gateway: 3000,
      httpDevices: 3001,
      mqtt: 1883,
      mqtts: 8883,
      nats: 4222,
      postgres: 17432,
      amqp: 17672,
      epmd: 17369,
    });
    expect(readSettings('/x', { MUSTER_PORT_BASE: '20000' }).ports).toMatchObject({
      gateway: 3000,
      postgres: 20432,
    });
  });

  it.each([
    ['MUSTER_PORT_BASE', '40000'],
    ['MUSTER_MQTT_PORT', 'many'],
    ['MUSTER_DATABASE_URL', 'mysql://root:hunter2@there/db'],
    ['MUSTER_NATS_URL', 'hunter2'],
    ['MUSTER_ANONYMOUS_MQTT', 'hunter2'],
  ])('refuses a bad %s by its name and does not show the value', (name, value) => {
    const read = () => readSettings('/x', { [name]: value });
    expect(read).toThrow(name);
    expect(read).not.toThrow(value);
  });
});

it('a test run has no port in common with a start, and all of them are checked for being free', () => {
  const { ports } = testSettings('/x', '1', 20_000);
  expect(TEST_OFFSETS.map((offset) => 20_000 + offset).sort()).toEqual(Object.values(ports).sort());
});
