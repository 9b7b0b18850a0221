export { openTrust, renewServices, type IntegrationKeys, type ServerTrust, type Trust } from './trust.js';
export { revokeServices } from './revoke-services.js';
export { streamsAccount, trustLines } from './server-config.js';
export {
  issueCredentials,
  newIntegratorsAccount,
  type Credentials,
  type IntegratorsAccount,
} from './integrators-account.js';
export { AccountsLink, AccountsUnavailable } from './accounts-link.js';
export { INTEGRATORS_API } from './subjects.js';
