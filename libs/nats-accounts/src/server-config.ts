import type { ServerTrust } from './trust.js';

/**
 * What every nats-server of an installation needs in its configuration, as lines: whom it trusts, and that it notices within some 15 s
 * who is gone without a word. It would give a replica whose machine lost its power its share of the requests for six minutes. Accounts
 * that are pushed while it runs are kept in `accountsDirectory`; a preloaded one does not replace a newer one there. Works from 2.9 on.
 */
export const trustLines = (
  { operatorJwt, systemAccount, accounts }: ServerTrust,
  accountsDirectory: string,
): readonly string[] => [
  `operator: ${operatorJwt}`,
  `system_account: ${systemAccount}`,
  `resolver: { type: full, dir: ${JSON.stringify(accountsDirectory)}, allow_delete: false, interval: "2m" }`,
  `resolver_preload: { ${Object.entries(accounts)
    .map(([account, jwt]) => `${account}: ${jwt}`)
    .join(', ')} }`,
  'ping_interval: "5s"',
  'ping_max: 2',
];

/** The account that holds the streams: the name of its directory below the server's `store_dir`/jetstream. */
export const streamsAccount = ({ accounts, systemAccount }: ServerTrust): string => {
  const found = Object.keys(accounts).find((account) => account !== systemAccount);
  if (found === undefined) throw new Error('the trust has no account of the platform');
  return found;
};
