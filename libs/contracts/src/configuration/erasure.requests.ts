import { eraseRequestOf } from '../erasure.js';

/** Desired and reported values, with their history. */
export const eraseConfiguration = eraseRequestOf('configuration');
