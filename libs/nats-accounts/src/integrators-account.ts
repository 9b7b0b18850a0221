import { createAccount, createUser, fromPublic } from '@nats-io/nkeys';
import { encodeAccount, encodeUser, fmtCreds, type Account, type Import } from '@nats-io/jwt';
import { INTEGRATORS_API, JETSTREAM_API } from './subjects.js';
import { keyOf, text, type IntegrationKeys } from './trust.js';

/** What an account may take at most besides connections; the server refuses more. */
const SUBSCRIPTIONS = 4_096;
const PAYLOAD_BYTES = 65_536;

/** Later than any credential is issued: a revoked key never comes back. */
const FOR_EVER = 253_402_300_799;

/** A public key for a new account. Its seed is not kept: users are signed by a key of the installation's own. */
export const newIntegratorsAccount = (): string => createAccount().getPublicKey();

export interface IntegratorsAccount {
  readonly tenantId: string;
  /** Public key. */
  readonly account: string;
  /** The one name of durable consumers that it may ask. `*`: an account from before each integration had its own. */
  readonly consumer: string;
  /** At most, at the same time. */
  readonly connections: number;
  /** Public keys of users. */
  readonly revoked: readonly string[];
}

/**
 * The JWT of an integration's account: no JetStream of its own, no exports. It sees its tenant's published subjects and may
 * ask for messages of its own consumers, and acknowledge those. The reply subject of a pull is the asker's choice, and the
 * server sends the message there in its own name, past all permissions; so nobody else's subscriptions, and no import that
 * reaches what is another's, may be in the account it ends in.
 */
export const integratorsAccountJwt = (keys: IntegrationKeys, account: IntegratorsAccount): Promise<string> =>
  encodeAccount(`integrators of ${account.tenantId}`, fromPublic(account.account), claimsOf(keys, account), {
    signer: keyOf(keys.operatorSigningSeed),
  });

export interface Credentials {
  /** A .creds text: the user's JWT and its seed. */
  readonly credentials: string;
  /** The user's public key, by which it is revoked. */
  readonly userKey: string;
}

/**
 * A user of an integrators' account who may read what the tenant's services publish, and use the durable consumers of one name,
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

const claimsOf = (
  keys: IntegrationKeys,
  { tenantId, consumer, connections, revoked }: IntegratorsAccount,
): Partial<Account> => {
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
      conn: connections,
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
      asked(`CONSUMER.MSG.NEXT.*.${consumer}`),
      asked(`CONSUMER.INFO.*.${consumer}`),
      from(`$JS.ACK.*.${consumer}.>`, `$JS.ACK.*.${consumer}.>`, 'service'),
    ],
    signing_keys: [keyOf(keys.usersSigningSeed).getPublicKey()],
    revocations: Object.fromEntries([...revoked].sort().map((userKey) => [userKey, FOR_EVER])),
  };
};

const published = (tenantId: string): readonly string[] => [
  `muster.v1.event.*.${tenantId}.>`,
  `muster.v1.telemetry.${tenantId}.>`,
];
