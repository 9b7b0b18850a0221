import type { Bus } from '@muster/messaging';

/** What a controller needs of the bus. */
export type Asking = Pick<Bus, 'request'>;

/** Injection token of an `Asking`. */
export const ASKING = Symbol('asking');
