export { actHandlersOf, type ActsOptions } from './act-handlers.js';
export { checkupOf, type CheckedService, type Checkup, type Finding } from './checkup.js';
export { maintenanceOf } from './maintenance.js';
export { serverFindings } from './server-findings.js';
export { BUS, DATABASE, EVENT_STORE, LOGGER } from './providers.js';
export { COUNT, decodeCursor, digestOf, encodeCursor, pageBy, TEXT, TIME } from './page-cursor.js';
export { serviceKeys } from './service-keys.js';
export {
  startService,
  type Background,
  type Served,
  type ServiceOptions,
  type ServiceParts,
} from './start-service.js';
