import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { decode, encodeAccount, encodeOperator, encodeUser, fmtCreds, type Account } from '@nats-io/jwt';
import { createAccount, createOperator, createUser, fromSeed, type KeyPair } from '@nats-io/nkeys';
import { JETSTREAM_API } from './subjects.js';

/** What a nats-server must know of an installation. Nothing in it is secret. */
export interface ServerTrust {
  readonly operatorJwt: string;
  readonly systemAccount: string;
  /** Public key → JWT of the accounts that are always there. */
  readonly accounts: Readonly<Record<string, string>>;
}

/** What makes tenants' accounts and credentials. Whoever has it can read everything: only `identity` gets it. */
export interface IntegrationKeys {
  /** Signs accounts. */
  readonly operatorSigningSeed: string;
  /** Signs the users of every integration's account. */
  readonly usersSigningSeed: string;
  /** Public key of the account the services are in. */
  readonly platformAccount: string;
  /** A .creds text of the system account, good for changing accounts and nothing else. */
  readonly systemCredentials: string;
}

/** One installation's keys, and where processes find their part of them. */
export interface Trust {
  readonly server: ServerTrust;
  /** A .creds file: every service and adapter. */
  readonly servicesFile: string;
  /** `IntegrationKeys` as JSON: identity alone. */
  readonly integrationsFile: string;
}

/** As it is kept. `accountSeed` and `operatorSeed` sign nothing in daily work. */
interface Kept {
  readonly revision: number;
  readonly operatorSeed: string;
  readonly accountSeed: string;
  readonly server: ServerTrust;
  readonly services: string;
  /** Credentials of services that were issued in this second (of 1970) or before are let in no more. Absent: all are. */
  readonly servicesRevoked?: number;
  readonly integrations: IntegrationKeys;
}

/** Raised when an account of ours changes: it is then signed again, and servers take the newer one. */
const REVISION = 1;
const ROOT = 'trust.json';

/**
 * The trust kept in `directory`; made, mode 0600, when there is none. Safe side by side: one of two makers wins. Throws
 * when the file is there and cannot be read: other keys would lock everybody out.
 */
export const openTrust = async (directory: string): Promise<Trust> => {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, ROOT);
  let kept = readKept(path);
  if (kept === undefined) {
    linkNew(path, await makeTrust());
    kept = readKept(path);
    if (kept === undefined) throw new Error(`${path} vanished`);
  }
  if (kept.revision < REVISION) {
    kept = { ...kept, revision: REVISION, server: await resigned(kept) };
    writeWhole(path, JSON.stringify(kept));
  }
  const servicesFile = join(directory, 'services.creds');
  const integrationsFile = join(directory, 'integrations.json');
  writeWhole(servicesFile, kept.services);
  writeWhole(integrationsFile, JSON.stringify(kept.integrations));
  return { server: kept.server, servicesFile, integrationsFile };
};

/** Makes new credentials for the services. The ones before stay good until `revokeServices`. */
export const renewServices = async (directory: string): Promise<void> => {
  await openTrust(directory);
  const kept = mustBeKept(directory);
  const before = issuedAt(kept.services);
  let services: string;
  do {
    // Revoked is by the second.
    await pause(Math.max(0, (before + 1) * 1_000 - Date.now()));
    services = await credentialsOf('services', keyOf(kept.accountSeed), {});
  } while (issuedAt(services) <= before);
  writeWhole(join(directory, ROOT), JSON.stringify({ ...kept, services }));
  await openTrust(directory);
};

/**
 * Of the services' credentials only the newest are let in from now on, by servers that start with this trust. Returns what the
 * ones that run must be given (`revokeServices`).
 */
export const keepServicesRevoked = async (
  directory: string,
): Promise<{ readonly keys: IntegrationKeys; readonly account: string }> => {
  await openTrust(directory);
  const kept = mustBeKept(directory);
  const revoking = { ...kept, servicesRevoked: issuedAt(kept.services) - 1 };
  const server = await resigned(revoking);
  writeWhole(join(directory, ROOT), JSON.stringify({ ...revoking, server }));
  const { integrations: keys } = kept;
  return { keys, account: server.accounts[keys.platformAccount] ?? '' };
};

const mustBeKept = (directory: string): Kept => {
  const kept = readKept(join(directory, ROOT));
  if (kept === undefined) throw new Error(`${join(directory, ROOT)} vanished`);
  return kept;
};

/** Seconds since 1970. */
const issuedAt = (credentials: string): number => {
  const jwt = /^ey[\w-]+\.[\w-]+\.[\w-]+$/m.exec(credentials)?.[0];
  if (jwt === undefined) throw new Error('there is no JWT in the credentials');
  return decode(jwt).iat;
};

const makeTrust = async (): Promise<Kept> => {
  const [operator, operatorSigning] = [createOperator(), createOperator()];
  const [system, platform, usersSigning] = [createAccount(), createAccount(), createAccount()];
  const server: ServerTrust = {
    operatorJwt: await encodeOperator('muster', operator, {
      signing_keys: [operatorSigning.getPublicKey()],
      system_account: system.getPublicKey(),
    }),
    systemAccount: system.getPublicKey(),
    accounts: {
      [system.getPublicKey()]: await encodeAccount(
        'SYSTEM',
        system,
        { limits: UNLIMITED },
        { signer: operatorSigning },
      ),
      [platform.getPublicKey()]: await platformJwt(platform, operatorSigning),
    },
  };
  return {
    revision: REVISION,
    operatorSeed: seedOf(operator),
    accountSeed: seedOf(platform),
    server,
    services: await credentialsOf('services', platform, {}),
    integrations: {
      operatorSigningSeed: seedOf(operatorSigning),
      usersSigningSeed: seedOf(usersSigning),
      platformAccount: platform.getPublicKey(),
      systemCredentials: await credentialsOf('identity', system, {
        pub: { allow: ['$SYS.REQ.CLAIMS.UPDATE'] },
        sub: { allow: ['_INBOX.>'] },
      }),
    },
  };
};

const resigned = async ({
  server,
  integrations,
  accountSeed,
  servicesRevoked,
}: Kept): Promise<ServerTrust> => {
  const platform = keyOf(accountSeed);
  const jwt = await platformJwt(platform, keyOf(integrations.operatorSigningSeed), servicesRevoked);
  return { ...server, accounts: { ...server.accounts, [platform.getPublicKey()]: jwt } };
};

const NONE = -1;
const UNLIMITED = {
  subs: NONE,
  data: NONE,
  payload: NONE,
  imports: NONE,
  exports: NONE,
  wildcards: true,
  conn: NONE,
  leaf: NONE,
};

/** The account of all services, the one with JetStream. What it exports is what an integration's account may ask for. */
const platformJwt = (platform: KeyPair, signer: KeyPair, revoked?: number): Promise<string> => {
  const account: Partial<Account> = {
    ...(revoked === undefined ? {} : { revocations: { '*': revoked } }),
    limits: { ...UNLIMITED, mem_storage: NONE, disk_storage: NONE, streams: NONE, consumer: NONE },
    exports: [
      { name: 'events', subject: 'muster.v1.event.>', type: 'stream' },
      { name: 'telemetry', subject: 'muster.v1.telemetry.>', type: 'stream' },
      // Answered by one message after the other, so that the way back stays open.
      {
        name: 'next',
        subject: `${JETSTREAM_API}.CONSUMER.MSG.NEXT.*.*`,
        type: 'service',
        response_type: 'Stream',
      },
      {
        name: 'info',
        subject: `${JETSTREAM_API}.CONSUMER.INFO.*.*`,
        type: 'service',
        response_type: 'Singleton',
      },
      { name: 'acknowledge', subject: '$JS.ACK.>', type: 'service', response_type: 'Singleton' },
    ],
  };
  return encodeAccount('MUSTER', platform, account, { signer });
};

const credentialsOf = async (
  name: string,
  account: KeyPair,
  permissions: Parameters<typeof encodeUser>[3],
): Promise<string> => {
  const user = createUser();
  return text(fmtCreds(await encodeUser(name, user, account, permissions), user));
};

/** Two starts at once: `link` fails for the second, which then reads what the first has made. */
const linkNew = (path: string, made: Kept): void => {
  const temporary = `${path}.${process.pid}.new`;
  writeFileSync(temporary, JSON.stringify(made), { mode: 0o600 });
  try {
    linkSync(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
};

/** Written and renamed: a reader sees a whole file. */
const writeWhole = (path: string, content: string): void => {
  const temporary = `${path}.${process.pid}.new`;
  writeFileSync(temporary, content, { mode: 0o600 });
  renameSync(temporary, path);
};

const readKept = (path: string): Kept | undefined => {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return JSON.parse(content) as Kept; // written by us alone, mode 0600
  } catch {
    // Not with its cause: the message of a JSON error repeats the text.
    throw new Error(
      `${path} is damaged. Put it back from a backup; new keys would invalidate every credential.`,
    );
  }
};

export const keyOf = (seed: string): KeyPair => fromSeed(new TextEncoder().encode(seed));

export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

const seedOf = (key: KeyPair): string => text(key.getSeed());
