import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, resolve } from 'node:path';
import { guarded } from './guarded.js';
import { buildServers, SERVERS_IMAGE } from './images.js';
import { requirePodman } from './machine.js';
import { openPlaces, type Places } from './places.js';

/** All specs that need a server. */
const OVER_SERVERS = ['\\.int\\.spec', '\\.e2e\\.spec'];

/**
 * `npm run pods -- debian-13 [part of a path]…`: what `npm test` does, in Debian 13: with RabbitMQ 4.0, NATS 2.10, PostgreSQL 17
 * and its mosquitto; and `npm run pods -- debian-13 bench <name>` a bench that brings its own servers up. The checkout is the
 * one outside, as it is, with the Node.js of its packages.
 */
const inDebian13 = async ({ root, environment }: Places, command: readonly string[]): Promise<number> => {
  const container = spawn(
    'podman',
    [
      ...['run', '--rm', '--pids-limit', '-1', '--volume', `${root}:${root}`, '--workdir', root],
      // Ports are chosen among those that are free outside; and `npm test` asks whether the process of an earlier run lives.
      ...['--network', 'host', '--pid', 'host'],
      // `npm test` runs its checks at priorities of their own.
      ...['--cap-add', 'SYS_NICE'],
      ...['--env', `PATH=${dirname(process.execPath)}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`],
      ...['--env', 'MUSTER_POSTGRES_PROGRAMS=/usr/lib/postgresql/17', '--env', 'LC_ALL=C.UTF-8'],
      ...Object.keys(process.env).flatMap((name) => (name.startsWith('BENCH_') ? ['--env', name] : [])),
      ...[SERVERS_IMAGE, 'node', 'tools/run.mjs', ...command],
    ],
    { env: environment, stdio: ['ignore', 'inherit', 'inherit'] },
  );
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => container.kill(signal));
  const [code] = (await once(container, 'close')) as [number | null];
  return code ?? 1;
};

await requirePodman();
const places = openPlaces(resolve(import.meta.dirname, '../../../..'));
const args = process.argv.slice(2);
process.exitCode = await guarded(places, async () => {
  if (await buildServers(places)) console.log('built Debian 13 with its servers');
  if (args[0] === 'bench') return inDebian13(places, args);
  return inDebian13(places, ['test', ...(args.length > 0 ? args : OVER_SERVERS)]);
});
