export { openTrust, type IntegrationKeys, type ServerTrust, type Trust } from './trust.js';
export { streamsAccount, trustLines } from './server-config.js';
export {
  issueCredentials,
  newTenantAccount,
  type Credentials,
  type TenantAccount,
} from './tenant-account.js';
export { AccountsLink, AccountsUnavailable } from './accounts-link.js';
export { INTEGRATORS_API } from './subjects.js';
