import { eraseRequestOf } from '../erasure.js';

/** Commands and their results. */
export const eraseCommands = eraseRequestOf('commands');
