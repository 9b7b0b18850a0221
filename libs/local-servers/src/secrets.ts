import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from './failure.js';

export type Secrets = {
  readonly databasePassword: string;
  readonly amqpPassword: string;
  /** Of mqtt-front at RabbitMQ. */
  readonly frontPassword: string;
  /** The local administrator's key for the REST API, made at the first start and kept. */
  readonly adminApiKeyFile: string;
  /** What the keys of IoT Hubs are sealed with, made likewise. */
  readonly sealingKeyFile: string;
};

export const readSecrets = (home: string): Secrets => {
  const adminApiKeyFile = join(home, 'admin-api-key');
  const key = secret(adminApiKeyFile, () => `mk_${random()}`);
  if (!/^mk_[A-Za-z0-9_-]{43}$/.test(key)) {
    throw new Failure(`${adminApiKeyFile} does not hold a key (mk_ and 43 characters).`, [
      'Put the key back, or remove the file: then a new one is made.',
    ]);
  }
  const sealingKeyFile = join(home, 'sealing-key');
  secret(sealingKeyFile, random);
  return {
    databasePassword: secret(join(home, 'postgres-password'), random),
    amqpPassword: secret(join(home, 'amqp-password'), random),
    frontPassword: secret(join(home, 'mqtt-front-password'), random),
    adminApiKeyFile,
    sealingKeyFile,
  };
};

/** 256 bits in 43 characters of base64url. */
const random = (): string => randomBytes(32).toString('base64url');

/** Linked into place, so that a start killed half way never leaves an empty secret. */
const secret = (path: string, make: () => string): string => {
  const existing = read(path);
  if (existing !== undefined) return existing;
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, `${make()}\n`, { mode: 0o600 });
  try {
    linkSync(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
  return readFileSync(path, 'utf8').trim();
};

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
};
