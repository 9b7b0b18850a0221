import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { matchesBinding, RESOURCES, uplinkBindings } from '@muster/kp1';
import { CONSUMER_EVENTS, DESTINATIONS, destinationOf, TOPOLOGY, type Binding } from './topology.js';

interface Definitions {
  readonly exchanges: readonly Record<string, unknown>[];
  readonly queues: readonly Record<string, unknown>[];
  readonly bindings: readonly Record<string, unknown>[];
}

const definitions = JSON.parse(
  readFileSync(new URL('../../../../../deploy/rabbitmq/definitions.json', import.meta.url), 'utf8'),
) as Definitions; // compared field by field below

const byText = (items: readonly unknown[]): string[] => items.map((item) => JSON.stringify(item)).sort();

describe('the broker definitions that are deployed', () => {
  it('hold the same exchanges and queues as the adapter asserts', () => {
    const exchanges = TOPOLOGY.exchanges.map((exchange) => ({
      name: exchange.name,
      vhost: '/',
      type: exchange.type,
      durable: true,
      auto_delete: false,
      internal: false,
      arguments: exchange.arguments,
    }));
    expect(definitions.exchanges).toEqual(exchanges);
    const queues = TOPOLOGY.queues.map((queue) => ({
      name: queue.name,
      vhost: '/',
      durable: true,
      auto_delete: false,
      arguments: queue.arguments,
    }));
    expect(definitions.queues).toEqual(queues);
  });

  it('hold the same bindings, and a single one to the exchange of events', () => {
    const bindings = TOPOLOGY.bindings
      .filter((one) => one !== CONSUMER_EVENTS)
      .map((one) => ({
        source: one.source,
        vhost: '/',
        destination: one.destination,
        destination_type: one.destinationType,
        routing_key: one.routingKey,
        arguments: {},
      }));
    expect(byText(definitions.bindings)).toEqual(byText(bindings));
    expect(definitions.bindings.filter(({ source }) => source === 'amq.rabbitmq.event')).toHaveLength(1);
  });
});

/** Where a message published to the MQTT exchange ends up: what RabbitMQ does, with its alternate exchanges. */
const queuesReached = (routingKey: string, from = 'amq.topic'): Set<string> => {
  const queues = new Set<string>();
  const visit = (exchange: string): void => {
    const declared = TOPOLOGY.exchanges.find(({ name }) => name === exchange);
    const matches = (one: Binding) =>
      one.source === exchange && (declared?.type === 'fanout' || matchesBinding(one.routingKey, routingKey));
    const routes = TOPOLOGY.bindings.filter(matches);
    const alternate = declared?.arguments['alternate-exchange'];
    if (routes.length === 0 && alternate !== undefined) visit(alternate);
    for (const { destination, destinationType } of routes) {
      if (destinationType === 'queue') queues.add(destination);
      else visit(destination);
    }
  };
  visit(from);
  return queues;
};

describe('the topology', () => {
  it.each([
    ['kp1.a.dcx.t.json', 'muster.uplink'],
    ['kp1.a.dcx.t.json.5', 'muster.uplink'],
    ['kp1.a.dcx.t.plain.temperature', 'muster.uplink'],
    ['kp1.a.cmx.t.config.json.07', 'muster.uplink.configuration'],
    ['kp1.a.cmx.t.applied.json', 'muster.uplink.configuration'],
    ['kp1.a.cmx.t.config.json.default.5', 'muster.uplink.configuration'],
    ['kp1.a.cmx.t.state.json.get.5', 'muster.uplink.configuration'],
    ['kp1.a.epmx.t.get.keys.1', 'muster.uplink.registry'],
    ['kp1.a.cex.t.command', 'muster.uplink.commands'],
    ['kp1.a.cex.t.command.reboot', 'muster.uplink.commands'],
    ['kp1.a.cex.t.command.reboot.5', 'muster.uplink.commands'],
    ['kp1.a.cmx_ota.t.applied.json.5', 'muster.uplink.firmware'],
    ['kp1.a.bcx.t.token', 'muster.uplink.firmware'],
  ])('brings %s to %s alone', (key, queue) => expect([...queuesReached(key)]).toEqual([queue]));

  it('has one destination for each extension', () => {
    const extensions = new Set(RESOURCES.map(({ extension }) => extension));
    expect(DESTINATIONS.flatMap((one) => one.extensions).sort()).toEqual([...extensions].sort());
  });

  it.each(
    uplinkBindings().map(({ pattern, extension }) => [pattern.replaceAll('*', '1'), extension] as const),
  )('brings no reply or push of ours to a queue (%s)', (key, extension) => {
    expect([...queuesReached(key)]).toEqual([destinationOf(extension)?.queue]);
    expect([...queuesReached(`${key}.status`)]).toEqual([]);
    expect([...queuesReached(`${key}.error`)]).toEqual([]);
  });

  it('brings what is undecided to device-registry, whatever it is', () => {
    expect([...queuesReached('kp1.a.dcx.t.json', 'muster.undecided')]).toEqual(['muster.uplink.registry']);
  });
});
