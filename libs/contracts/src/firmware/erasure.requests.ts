import { eraseRequestOf } from '../erasure.js';

/** What the device uploaded, with the files, and what is known of its software. */
export const eraseFirmware = eraseRequestOf('firmware');
