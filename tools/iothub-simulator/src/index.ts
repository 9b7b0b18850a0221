export { startSimulator, type Simulator } from './simulator.js';
export type { SimulatorOptions } from './options.js';
export type { ActiveFault, Fault, FaultKind, Faults } from './hub/faults.js';
export type { RouteSource } from './hub/hub-events.js';
export type { QuotaClass, QuotaOptions, Tier } from './hub/quotas.js';
export type { TwinLimits } from './hub/twin-limits.js';
export { makeCertificate, type CertificateAndKey, type CertificateRequest } from './security/certificates.js';
export { startControl, type ControlServer } from './control/control-server.js';
export { makeSasToken } from './security/sas.js';
