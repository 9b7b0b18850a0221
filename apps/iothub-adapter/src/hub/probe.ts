import { newId } from '@muster/contracts';

/** Identities of such an id are made by us to try a hub out, and are nobody's device. */
export const PROBE_PREFIX = 'muster-check-';

export const newProbe = (): string => `${PROBE_PREFIX}${newId()}`;

export const isProbe = (hubDeviceId: string): boolean => hubDeviceId.startsWith(PROBE_PREFIX);
