import { createAccount, createUser, fromPublic } from '@nats-io/nkeys';
import { encodeAccount, encodeUser, fmtCreds, type Account, type Import } from '@nats-io/jwt';
import { INTEGRATORS_API, JETSTREAM_API } from './subjects.js';
import { keyOf, text, type IntegrationKeys } from './trust.js';

/** What an account may take at most; the server refuses more. */
const CONNECTIONS = 128;
const SUBSCRIPTIONS = 4_096;
const PAYLOAD_BYTES = 65_536;

/** Later than any credential is issued: a revoked key never comes back. */
const FOR_EVER = 253_402_300_799;

/** A public key for a new account. Its seed is not kept: users are signed by a key of the installation's own. */
export const newTenantAccount = (): string => createAccount().getPublicKey();

export interface TenantAccount {
  readonly tenantId: string;
  /** Public key. */
  readonly account: string;
  /** Public keys of users. */
  readonly revoked: readonly string[];
}

/**
 * The JWT of a tenant's account: no JetStream of its own, no exports. It sees its tenant's published subjects and may ask
 * for messages of consumers; which ones is up to each user's permissions. Being apart from the account of the services
 * means that nothing a user sends, not even as the reply subject of a pull, arrives there as anything else.
 */
export const tenantAccountJwt = (
  keys: IntegrationKeys,
  { tenantId, account, revoked }: TenantAccount,
): Promise<string> =>
  encodeAccount(`tenant ${tenantId}`, fromPublic(account), claimsOf(keys, tenantId, revoked), {
    signer: keyOf(keys.operatorSigningSeed),
  });

export interface Credentials {
  /** A .creds text: the user's JWT and its seed. */
  readonly credentials: string;
  /** The user's public key, by which it is revoked. */
  readonly userKey: string;
}

/**
 * A user of a tenant's account who may read what the tenant's services publish, and use the durable consumers of one name,
 * in whichever stream. It can publish nothing else, and make no consumer.
 */
export const issueCredentials = async (
  keys: IntegrationKeys,
  user: {
    readonly name: string;
    readonly tenantId: string;
    readonly account: string;
    readonly consumer: string;
    readonly inboxPrefix: string;
  },
): Promise<Credentials> => {
  const { name, tenantId, account, consumer, inboxPrefix } = user;
  const key = createUser();
  const jwt = await encodeUser(
    name,
    key,
    fromPublic(account),
    {
      sub: { allow: [...published(tenantId), `${inboxPrefix}.>`] },
      pub: {
        allow: [
          `${INTEGRATORS_API}.CONSUMER.MSG.NEXT.*.${consumer}`,
          `${INTEGRATORS_API}.CONSUMER.INFO.*.${consumer}`,
          `$JS.ACK.*.${consumer}.>`,
        ],
      },
    },
    { signer: keyOf(keys.usersSigningSeed) },
  );
  return { credentials: text(fmtCreds(jwt, key)), userKey: key.getPublicKey() };
};

const claimsOf = (keys: IntegrationKeys, tenantId: string, revoked: readonly string[]): Partial<Account> => {
  const from = (subject: string, local: string, type: 'stream' | 'service'): Import => ({
    name: subject,
    account: keys.platformAccount,
    subject,
    local_subject: local,
    type,
  });
  const asked = (rest: string): Import =>
    from(`${JETSTREAM_API}.${rest}`, `${INTEGRATORS_API}.${rest}`, 'service');
  return {
    limits: {
      conn: CONNECTIONS,
      subs: SUBSCRIPTIONS,
      payload: PAYLOAD_BYTES,
      data: -1,
      imports: -1,
      exports: 0,
      wildcards: false,
      leaf: 0,
    },
    imports: [
      ...published(tenantId).map((subject) => from(subject, subject, 'stream')),
      asked('CONSUMER.MSG.NEXT.*.*'),
      asked('CONSUMER.INFO.*.*'),
      from('$JS.ACK.>', '$JS.ACK.>', 'service'),
    ],
    signing_keys: [keyOf(keys.usersSigningSeed).getPublicKey()],
    revocations: Object.fromEntries([...revoked].sort().map((userKey) => [userKey, FOR_EVER])),
  };
};

const published = (tenantId: string): readonly string[] => [
  `muster.v1.event.*.${tenantId}.>`,
  `muster.v1.telemetry.${tenantId}.>`,
];
