import { chownSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { natsKeys, postgresPlace, runCommand, serverUser, type Settings } from '@muster/local-servers';
import { databaseDirectory, oneOfEach, type Replicas, type ReplicasOptions } from './replicas.js';

/** Where backups of a platform are, beside it: it may be removed without them. PostgreSQL's user can reach it. */
const backupPlace = (settings: Settings): string => `${postgresPlace(settings, serverUser()).base}-backup`;

const SECRETS = ['admin-api-key', 'sealing-key', 'postgres-password', 'amqp-password', 'mqtt-front-password'];

/** For `Replicas.open`: PostgreSQL keeps its write-ahead log in an archive. */
export const archiving = (): ReplicasOptions => ({
  prepare: (settings) => {
    const archive = join(backupPlace(settings), 'archive');
    return Promise.resolve({
      ...settings,
      postgres: {
        ...settings.postgres,
        archive_mode: 'on',
        archive_command: `test ! -f "${archive}/%f" && cp "%p" "${archive}/%f"`,
      },
    });
  },
  servers: (instance) => {
    const place = backupPlace(instance.settings);
    mkdirSync(place, { recursive: true, mode: 0o711 });
    ownedDirectory(join(place, 'archive'));
    return oneOfEach(instance);
  },
});

const ownedDirectory = (path: string): void => {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  own(path);
};

const own = (path: string): void => {
  const user = serverUser();
  if (user !== undefined) chownSync(path, user.uid, user.gid);
};

/**
 * Copies PostgreSQL's files while it runs, between `pg_backup_start` and `pg_backup_stop`, whose label is asked for by
 * `stopBackup`: what pg_basebackup does, which npm's PostgreSQL does not have.
 */
export const copyDatabase = async (
  { instance: { settings } }: Replicas,
  stopBackup: () => Promise<string>,
): Promise<void> => {
  const from = databaseDirectory(settings);
  const to = join(backupPlace(settings), basename(from));
  ownedDirectory(to);
  for (const name of readdirSync(from)) {
    if (name === 'postmaster.pid' || name === 'postmaster.opts') continue;
    if (name === 'pg_wal') ownedDirectory(join(to, name));
    else await copy(join(from, name), to);
  }
  const label = join(to, 'backup_label');
  writeFileSync(label, await stopBackup(), { mode: 0o600 });
  own(label);
};

/** Files may vanish meanwhile: recovery knows. */
const copy = async (from: string, into: string): Promise<void> => {
  const { code, stderr } = await runCommand('cp', ['-a', from, into], { timeoutMs: 600_000 });
  const faults = stderr.split('\n').filter((line) => line !== '' && !/No such file or directory/.test(line));
  if (code !== 0 && faults.length > 0) throw new Error(faults.join('\n'));
};

/** RabbitMQ's directory as it is at one moment: it stands still meanwhile, as under the snapshot of a volume. */
export const copyBroker = async ({ instance: { settings } }: Replicas, pid: number): Promise<void> => {
  process.kill(pid, 'SIGSTOP');
  try {
    for (const name of readdirSync(join(settings.home, 'data')))
      if (isBroker(name)) await copy(join(settings.home, 'data', name), backupPlace(settings));
  } finally {
    process.kill(pid, 'SIGCONT');
  }
};

const isBroker = (name: string): boolean => /^rabbitmq-[\d.]+$/.test(name);

/** The Secrets, the keys of NATS, and files of firmwares and uploads. */
export const copySecrets = ({ instance: { settings } }: Replicas): void => {
  const kept = join(backupPlace(settings), 'kept');
  for (const name of [...SECRETS, basename(natsKeys(settings)), 'files'])
    if (existsSync(join(settings.home, name)))
      cpSync(join(settings.home, name), join(kept, name), { recursive: true });
};

/**
 * For `Replicas.open`: another platform in the place of one that was removed, from its backup. PostgreSQL as it was at a named
 * point, an older RabbitMQ, the Secrets and files, and a NATS that has nothing but its keys.
 */
export const restoring = ({ instance: { settings: lost } }: Replicas, point: string): ReplicasOptions => ({
  prepare: async (settings) => {
    const place = backupPlace(lost);
    const restored: Settings = {
      ...settings,
      home: lost.home,
      ports: lost.ports,
      postgres: {
        ...settings.postgres,
        restore_command: `cp "${place}/archive/%f" "%p"`,
        recovery_target_name: point,
        recovery_target_action: 'promote',
      },
    };
    mkdirSync(join(restored.home, 'data'), { recursive: true, mode: 0o711 });
    for (const name of readdirSync(join(place, 'kept')))
      cpSync(join(place, 'kept', name), join(restored.home, name), { recursive: true });
    for (const name of readdirSync(place).filter(isBroker))
      await copy(join(place, name), join(restored.home, 'data'));
    await restoreDatabase(place, restored);
    return restored;
  },
});

const restoreDatabase = async (place: string, restored: Settings): Promise<void> => {
  const data = join(postgresPlace(restored, serverUser()).base, 'data');
  mkdirSync(data, { recursive: true, mode: 0o711 });
  for (const name of readdirSync(place).filter((one) => one.startsWith('postgres-'))) {
    await copy(join(place, name), data);
    const signal = join(data, name, 'recovery.signal');
    writeFileSync(signal, '', { mode: 0o600 });
    own(signal);
  }
};

export const removeBackup = ({ instance: { settings } }: Replicas): void =>
  rmSync(backupPlace(settings), { recursive: true, force: true });
