import { found, whereOf } from './bring-up.js';
import { freePort } from './free-port.js';
import type { Instance } from './instance.js';
import { natsServer, openNatsTrust } from './nats.js';
import { commandRabbitmq, epmdServer, rabbitmqServer, type RabbitmqNode } from './rabbitmq.js';
import { resolveNats, resolveRabbitmq } from './resolve.js';
import type { Server } from './server.js';
import type { Supervised } from './supervise.js';

/** A server of a cluster. One that is killed stays away until it is started again. */
export type Node = {
  /** `nats-2` */
  readonly name: string;
  /** Resolves when it answers. */
  readonly start: () => Promise<void>;
  /** SIGKILL. */
  readonly kill: () => Promise<void>;
};

export type NatsCluster = {
  readonly nodes: readonly (Node & { readonly port: number })[];
};

export type RabbitmqCluster = {
  readonly nodes: readonly (Node & { readonly amqp: number; readonly brokerMqtt: number })[];
  readonly version: string;
  /** `rabbitmqctl` or `rabbitmq-queues`, of a node; resolves with what it prints. */
  readonly command: (node: Pick<Node, 'name'>, words: readonly string[]) => Promise<string>;
};

/** Servers of NATS with one JetStream, and the accounts and keys of a single one. */
export const bringUpNatsCluster = async (instance: Instance, count: number): Promise<NatsCluster> => {
  const { settings } = instance;
  const program = await found('NATS', resolveNats(whereOf(instance)));
  const trust = await openNatsTrust(settings);
  const all = await freePorts(2 * count);
  const [routePorts, ports] = [all.slice(0, count), all.slice(count)];
  const nodes = routePorts.map((routePort, index) => {
    const place = { name: `nats-${index + 1}`, port: ports[index] ?? 0, routePort, routePorts };
    return { ...nodeOf(instance, natsServer(settings, program, trust, place)), port: place.port };
  });
  await Promise.all(nodes.map((node) => node.start()));
  return { nodes };
};

/**
 * Nodes of RabbitMQ. Of 3.x the first, which makes what the definitions declare, and then those that join it; of 4.x all at once,
 * because there none begins before it has reached the others.
 */
export const bringUpRabbitmqCluster = async (instance: Instance, count: number): Promise<RabbitmqCluster> => {
  const { settings, secrets } = instance;
  const program = await found('RabbitMQ', resolveRabbitmq(whereOf(instance)));
  const names = Array.from({ length: count }, (_, index) => `rabbitmq-${index + 1}`);
  await nodeOf(instance, epmdServer(settings, program)).start();
  const ports = await freePorts(3 * count);
  const nodes = names.map((name, index) => {
    const [amqp = 0, brokerMqtt = 0, distribution = 0] = ports.slice(3 * index);
    const place: RabbitmqNode = { name, amqp, brokerMqtt, distribution, names };
    return { ...nodeOf(instance, rabbitmqServer(settings, program, secrets, place)), amqp, brokerMqtt };
  });
  if (Number(program.version.split('.')[0]) >= 4) await Promise.all(nodes.map((node) => node.start()));
  else for (const node of nodes) await node.start();
  return {
    nodes,
    version: program.version,
    command: (node, words) => commandRabbitmq(settings, program, node, words),
  };
};

const freePorts = async (count: number): Promise<number[]> => {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
};

const nodeOf = (instance: Instance, server: Server): Node => {
  let supervised: Supervised | undefined;
  return {
    name: server.name,
    start: async () => {
      supervised = instance.add(server);
      await supervised.start();
    },
    kill: async () => supervised?.stop('SIGKILL'),
  };
};
