import { AccountsLink } from './accounts-link.js';
import { keepServicesRevoked } from './trust.js';

/**
 * Of the services' credentials only the newest are let in from now on: the servers at `url` close what is connected with others.
 * Throws `AccountsUnavailable` when they do not take it; it is kept all the same, and can be done again.
 */
export const revokeServices = async (directory: string, url: string): Promise<void> => {
  const { keys, account } = await keepServicesRevoked(directory);
  const link = await AccountsLink.open(url, keys);
  try {
    await link.give(account);
  } finally {
    await link.close();
  }
};
