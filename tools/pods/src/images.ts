import { cpSync, existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { onPath } from '@muster/local-servers';
import { parse } from 'yaml';
import { CannotRunPods } from './machine.js';
import type { Places } from './places.js';
import { buildah, podman, run } from './run.js';

/** The image of every service and of the migrations, as `ci/pods-values.yaml` of the chart names it. */
export const MUSTER_IMAGE = 'localhost/muster:dev';
/** Debian 13, with the servers that stand in for a cluster's. */
export const SERVERS_IMAGE = 'localhost/muster-servers:debian-13';
/** Debian 13 with Docker Compose. */
export const COMPOSE_IMAGE = 'localhost/muster-compose:debian-13';

const SUITE = 'trixie';
/** And the clients that specs call. */
const SERVERS = [
  ...['rabbitmq-server', 'nats-server', 'postgresql-17'],
  ...['mosquitto-clients', 'curl', 'ca-certificates'],
];
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Builds what is not there from an earlier run. No registry of images is asked: it need not be reachable. Throws CannotRunPods
 * where Debian 13 cannot be had, or its programs do not run in a pod's surroundings.
 */
export const buildImages = async (places: Places, say: Say): Promise<void> => {
  await buildBases(places, say);
  await timed(say, 'muster, by deploy/Dockerfile', () => buildMuster(places));
};

/** What docker-compose.yml takes from elsewhere, and the program that reads it, by which it builds the rest itself. */
export const buildForCompose = async (places: Places, say: Say): Promise<void> => {
  await buildBases(places, say);
  const context = join(places.root, 'tools/pods/compose');
  for (const [stage, image] of [['compose', COMPOSE_IMAGE] as const, ...standIns(places)]) {
    const from = ['--target', stage, '--file', join(context, 'Dockerfile'), context];
    await timed(say, image, () => built(places, image, [...ofTheMachine(), ...from]));
  }
};

/** Services of docker-compose.yml that are not built from it, with the names of their images. */
export const standIns = ({ root }: Places): (readonly [string, string])[] => {
  const file = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8')) as ComposeFile;
  const services = Object.entries(file.services);
  const ours = services.flatMap(([, { image, build: by }]) => (by === undefined ? [] : [image]));
  return services
    .filter(([, { image }]) => !ours.includes(image))
    .map(([service, { image }]) => [service, `docker.io/library/${image}`]);
};

type ComposeFile = { readonly services: Readonly<Record<string, { image: string; build?: object }>> };

type Say = (line: string) => void;

const buildBases = async (places: Places, say: Say): Promise<void> => {
  await timed(say, 'Debian 13 with its servers', () => buildServers(places));
  await requireContainers(places);
  await timed(say, 'a stand-in for the image of Node.js', () => buildNode(places));
};

const timed = async (say: Say, what: string, work: () => Promise<boolean>): Promise<void> => {
  const began = Date.now();
  if (await work()) say(`built ${what} (${((Date.now() - began) / 1_000).toFixed(0)} s)`);
};

const isBuilt = (places: Places, image: string): Promise<boolean> =>
  podman(places, 'image', 'exists', image).then(
    () => true,
    () => false,
  );

/** Debian's own mirrors, or the one that this machine uses for Debian. */
const mirror = (): string => {
  const sources = ['/etc/apt/sources.list', '/etc/apt/sources.list.d/debian.sources']
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
  return /^[^#\n]*?(https?:\/\/\S+\/debian)\/?(?:\s|$)/m.exec(sources)?.[1] ?? 'http://deb.debian.org/debian';
};

export const buildServers = async (places: Places): Promise<boolean> => {
  if (await isBuilt(places, SERVERS_IMAGE)) return false;
  const archive = join(places.home, 'debian.tar');
  try {
    await run(
      'mmdebstrap',
      [
        ...['--mode=root', '--variant=minbase', '--format=tar', `--include=${SERVERS.join(',')}`],
        ...[
          '--dpkgopt=force-unsafe-io',
          '--dpkgopt=path-exclude=/usr/share/doc/*',
          '--dpkgopt=path-exclude=/usr/share/man/*',
        ],
        // The cluster that Debian makes of itself: ours has its own place and its own user.
        '--customize-hook=rm -rf "$1"/var/lib/postgresql/17',
        ...[SUITE, archive, mirror()],
      ],
      { log: join(places.home, 'build.log') },
    );
    await podman(places, 'import', '--change', `ENV PATH=${PATH}`, archive, SERVERS_IMAGE);
  } catch (error) {
    throw new CannotRunPods(`Debian 13 cannot be had: ${lastLine(error)}`);
  } finally {
    rmSync(archive, { force: true });
  }
  return true;
};

/** Whether this machine lets us have a network, and processes in it. */
const requireContainers = async (places: Places): Promise<void> => {
  try {
    await podman(places, 'network', 'create', places.network);
    await podman(
      places,
      'run',
      '--rm',
      '--network',
      places.network,
      SERVERS_IMAGE,
      'nats-server',
      '--version',
    );
    await podman(places, 'network', 'rm', places.network);
  } catch (error) {
    throw new CannotRunPods(`podman runs nothing here: ${lastLine(error)}`);
  }
};

const lastLine = (error: unknown): string => String(error).trim().split('\n').at(-1)?.slice(0, 300) ?? '';

/**
 * Its name is the one that deploy/Dockerfile begins from; npm and Node.js are those of this checkout, and whom npm trusts are
 * those that this machine trusts: Docker Compose mounts nothing while it builds.
 */
const buildNode = async (places: Places): Promise<boolean> => {
  const dockerfile = readFileSync(join(places.root, 'deploy/Dockerfile'), 'utf8');
  const name = /^FROM (\S+)/m.exec(dockerfile)?.[1];
  if (name === undefined) throw new Error('deploy/Dockerfile names no image to begin from');
  const image = `docker.io/library/${name}`;
  if (await isBuilt(places, image)) return false;
  const context = join(places.home, 'node');
  rmSync(context, { recursive: true, force: true });
  mkdirSync(context);
  cpSync(realpathSync(process.execPath), join(context, 'node'));
  cpSync(npmDirectory(), join(context, 'npm'), { recursive: true, dereference: true });
  const trusted = existsSync(CERTIFICATES) ? readFileSync(CERTIFICATES) : '';
  writeFileSync(join(context, 'npmrc'), trusted === '' ? '' : `cafile=${CERTIFICATES}\n`);
  writeFileSync(join(context, 'certificates'), trusted);
  const recipe = [
    `FROM ${SERVERS_IMAGE}`,
    'COPY node /usr/local/bin/node',
    'COPY npm /usr/local/lib/node_modules/npm',
    'COPY npmrc /usr/local/etc/npmrc',
    `COPY certificates ${CERTIFICATES}`,
    'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && groupadd --gid 1000 node && useradd --uid 1000 --gid 1000 --create-home node',
  ].join('\n');
  writeFileSync(join(context, 'Dockerfile'), recipe);
  await build(places, image, ['--file', join(context, 'Dockerfile'), context]);
  rmSync(context, { recursive: true, force: true });
  return true;
};

const npmDirectory = (): string => {
  const npm = onPath('npm', process.env['PATH'] ?? '');
  if (npm === undefined) throw new Error('npm is not on PATH');
  return dirname(dirname(realpathSync(npm)));
};

/** Certificates and npm's settings of this machine, where packages may come through a mirror or a proxy. */
const ofTheMachine = (): string[] => {
  const global = ['/usr/local/etc/npmrc', '/usr/etc/npmrc', '/etc/npmrc'].find((file) => existsSync(file));
  const files: (readonly [string, string])[] = [
    ['/etc/ssl/certs', '/etc/ssl/certs'],
    ['/usr/local/share/ca-certificates', '/usr/local/share/ca-certificates'],
    [join(homedir(), '.npmrc'), '/root/.npmrc'],
    ...(global === undefined ? [] : [[global, '/usr/local/etc/npmrc'] as const]),
  ];
  return files.flatMap(([from, to]) => (existsSync(from) ? ['--volume', `${from}:${to}:ro`] : []));
};

const buildMuster = (places: Places): Promise<boolean> => {
  const cache = join(places.home, 'npm-cache');
  mkdirSync(cache, { recursive: true });
  return built(places, MUSTER_IMAGE, [
    ...['--volume', `${cache}:/root/.npm`, ...ofTheMachine()],
    ...['--file', join(places.root, 'deploy/Dockerfile'), places.root],
  ]);
};

/** Whether it is another one than before. */
const built = async (places: Places, image: string, args: readonly string[]): Promise<boolean> => {
  const before = await imageId(places, image);
  await build(places, image, args);
  return (await imageId(places, image)) !== before;
};

const imageId = (places: Places, image: string): Promise<string> =>
  podman(places, 'image', 'inspect', '--format', '{{.Id}}', image).catch(() => '');

/** tsc opens more files at once than the 1,024 that buildah allows otherwise, and dies of it; as many as this process may. */
const openFiles = (): string => {
  const hard =
    /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? '1024';
  return `nofile=${hard}:${hard}`;
};

/** Every step is kept, so that what has not changed is not done again. */
const build = (places: Places, image: string, args: readonly string[]): Promise<string> =>
  buildah(
    places,
    ...['bud', '--isolation', 'chroot', '--network', 'host', '--pull-never', '--layers', '--tag', image],
    ...['--ulimit', openFiles(), ...args],
  );
