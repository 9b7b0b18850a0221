import { eraseRequestOf } from '../erasure.js';

/** Samples and latest values. */
export const eraseTelemetry = eraseRequestOf('telemetry');
