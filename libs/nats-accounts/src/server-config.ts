import type { ServerTrust } from './trust.js';

/**
 * The part of a nats-server's configuration that makes it trust, as lines. Accounts that are pushed while it runs are kept
 * in `accountsDirectory`; a preloaded one does not replace a newer one there. Works from 2.9 on.
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
];

/** The account that holds the streams: the name of its directory below the server's `store_dir`/jetstream. */
export const streamsAccount = ({ accounts, systemAccount }: ServerTrust): string => {
  const found = Object.keys(accounts).find((account) => account !== systemAccount);
  if (found === undefined) throw new Error('the trust has no account of the platform');
  return found;
};
