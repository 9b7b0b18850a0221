import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '@muster/local-servers';
import { keepHealthAsked } from './health-clock.js';
import { COMPOSE_IMAGE } from './images.js';
import type { Places } from './places.js';
import { podman } from './run.js';

const SERVES_WITHIN_MS = 20_000;

/** What `docker-compose.yml` lets one move: the ports outside. */
export type Ports = {
  readonly gateway: number;
  readonly devices: number;
  readonly mqtt: number;
  readonly mqtts: number;
  readonly nats: number;
  readonly postgres: number;
};

export type Composition = {
  readonly ports: Ports;
  /** `docker-compose …` over the checkout's own file, and resolves with what it wrote. */
  readonly compose: (...args: readonly string[]) => Promise<string>;
  /** The process in the container of a service that runs. */
  readonly processOf: (service: string) => Promise<number>;
  readonly close: () => Promise<void>;
};

/**
 * Docker Compose over podman, which answers to it as Docker does. The file is the checkout's as it is, with its own defaults
 * and no `.env`; ports are free ones. Within `guarded`, which removes what is left.
 */
export const openComposition = async (places: Places): Promise<Composition> => {
  const socket = join(places.run, 'podman.sock');
  const service = await servePodman(places, socket);
  const ended = new AbortController();
  const health = keepHealthAsked(socket, ended.signal);
  const ports = await freePorts();
  const environment = {
    DOCKER_HOST: `unix://${socket}`,
    // podman builds by itself and knows no BuildKit.
    DOCKER_BUILDKIT: '0',
    MUSTER_GATEWAY_PORT: String(ports.gateway),
    MUSTER_HTTP_DEVICES_PORT: String(ports.devices),
    MUSTER_MQTT_PORT: String(ports.mqtt),
    MUSTER_MQTT_TLS_PORT: String(ports.mqtts),
    MUSTER_NATS_PORT: String(ports.nats),
    MUSTER_POSTGRES_PORT: String(ports.postgres),
  };
  const compose = (...args: readonly string[]): Promise<string> =>
    podman(
      places,
      ...['run', '--rm', '--network', 'host', '--volume', `${places.run}:${places.run}`],
      ...['--volume', `${places.root}:${places.root}:ro`, '--workdir', places.root],
      ...Object.entries(environment).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
      ...[COMPOSE_IMAGE, 'docker-compose', '--project-name', places.network, '--env-file', '/dev/null'],
      ...['--ansi', 'never', '--progress', 'plain', ...args],
    );
  return {
    ports,
    compose,
    processOf: async (name) => {
      const id = (await compose('ps', '--quiet', name)).trim();
      return Number(await podman(places, 'inspect', '--format', '{{.State.Pid}}', id));
    },
    close: async () => {
      ended.abort();
      await health;
      const gone = once(service, 'exit');
      service.kill('SIGTERM');
      await gone;
    },
  };
};

/** Resolves when it answers. Its checks of health are the clock's, not systemd's. */
const servePodman = async (places: Places, socket: string): Promise<ChildProcess> => {
  rmSync(socket, { force: true });
  const log = openSync(join(places.home, 'podman.log'), 'w');
  const service = spawn(
    'setpriv',
    ['--pdeathsig', 'SIGKILL', 'podman', 'system', 'service', '--time', '0', `unix://${socket}`],
    { env: { ...places.environment, DISABLE_HC_SYSTEMD: 'true' }, stdio: ['ignore', log, log] },
  );
  closeSync(log);
  const deadline = Date.now() + SERVES_WITHIN_MS;
  while (!existsSync(socket)) {
    if (service.exitCode !== null || Date.now() > deadline) {
      service.kill('SIGKILL');
      throw new Error('podman does not serve: see .muster/pods/podman.log');
    }
    await delay(50);
  }
  return service;
};

const freePorts = async (): Promise<Ports> => ({
  gateway: await freePort(),
  devices: await freePort(),
  mqtt: await freePort(),
  mqtts: await freePort(),
  nats: await freePort(),
  postgres: await freePort(),
});
