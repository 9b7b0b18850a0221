import type { LiveOptions, LiveSubscription } from '@muster/messaging';

/** What a controller needs to hear of one entity's events as they are published. */
export type Following = (options: Omit<LiveOptions, 'logger'>) => Promise<LiveSubscription>;

/** Injection token of a `Following`. */
export const FOLLOWING = Symbol('following');
