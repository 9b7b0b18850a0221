import { asFailure, Failure } from './failure.js';
import type { Instance } from './instance.js';
import { natsServer, openNatsTrust } from './nats.js';
import { Missing, type MissingServer } from './missing.js';
import { postgresServer, resolvePostgres } from './postgres.js';
import { amqpAnswers, natsAnswers, postgresAnswers } from './probe.js';
import { epmdServer, rabbitmqServer } from './rabbitmq.js';
import { resolveNats, resolveRabbitmq } from './resolve.js';
import type { Server } from './server.js';

/** Each of the three servers: taken from its URL, taken over, or started. Resolves when it answers. */
export const bringUpPostgres = async (instance: Instance): Promise<void> => {
  const { settings, secrets, signal } = instance;
  if (settings.given.database !== undefined) {
    return requireGiven('PostgreSQL', 'MUSTER_DATABASE_URL', settings.given.database, 5432, postgresAnswers);
  }
  const program = await found('PostgreSQL', resolvePostgres());
  await bringUp(instance, postgresServer(settings, program, secrets, signal));
};

export const bringUpNats = async (instance: Instance): Promise<void> => {
  const { settings } = instance;
  if (settings.given.nats !== undefined) {
    return requireGiven('NATS', 'MUSTER_NATS_URL', settings.given.nats, 4222, natsAnswers);
  }
  const program = await found('NATS', resolveNats(whereOf(instance)));
  await bringUp(instance, natsServer(settings, program, await openNatsTrust(settings)));
};

export const bringUpRabbitmq = async (instance: Instance): Promise<void> => {
  const { settings, secrets } = instance;
  if (settings.given.amqp !== undefined) {
    return requireGiven('RabbitMQ', 'MUSTER_AMQP_URL', settings.given.amqp, 5672, amqpAnswers);
  }
  const program = await found('RabbitMQ', resolveRabbitmq(whereOf(instance)));
  await bringUp(instance, epmdServer(settings, program));
  await bringUp(instance, rabbitmqServer(settings, program, secrets));
};

export const bringUp = async (instance: Instance, server: Server): Promise<void> => {
  const began = Date.now();
  const outcome = await instance.add(server).start();
  const where = server.ports.map(({ port }) => port).join(', ');
  instance.say(
    outcome === 'adopted'
      ? `${server.title} was still running; taken over (port ${where})`
      : `${server.title} answers on port ${where} (${seconds(began)})`,
  );
};

export const seconds = (since: number): string => `${((Date.now() - since) / 1_000).toFixed(1)} s`;

export const whereOf = ({ settings, signal }: Instance) => ({
  servers: settings.servers,
  path: process.env['PATH'] ?? '',
  signal,
});

/** The program of a server, or what is missing, in words. */
export const found = async <T>(server: MissingServer, search: Promise<T>): Promise<T> => {
  try {
    return await search;
  } catch (error) {
    const failure = asFailure(error);
    // A full disk or a missing right is that, and not a missing server.
    if (failure !== undefined && failure !== error) throw failure;
    if (failure === undefined) throw error;
    throw new Missing(server, [failure.message, ...failure.advice].join(' '));
  }
};

const requireGiven = async (
  title: string,
  variable: string,
  url: string,
  usualPort: number,
  answers: (at: { host: string; port: number }) => Promise<boolean>,
): Promise<void> => {
  const { protocol, hostname, port } = new URL(url);
  // Behind TLS only the client library can tell; the applications' health will.
  if (protocol === 'amqps:' || protocol === 'tls:') return;
  const at = { host: hostname, port: Number(port) || usualPort };
  if (await answers(at)) return;
  throw new Failure(`${title}: nothing answers at ${at.host}:${at.port}, which ${variable} names.`, [
    title === 'NATS' ? 'Is it running, with JetStream on?' : 'Is it running?',
    `Without ${variable} muster starts a private one.`,
  ]);
};
