import type { JsonObject } from '@muster/contracts';
import type { Effective } from '../desired/desired-values.js';
import type { DeviceConfiguration } from './configuration-state.js';

/** All values in effect as the one JSON object that the device gets. */
export const documentOf = (state: DeviceConfiguration): JsonObject => documentFrom(effectiveOf(state));

/** All values that are known of the device itself. */
export const reportedStateOf = (state: DeviceConfiguration): JsonObject =>
  Object.fromEntries(Object.entries(state.reported).map(([key, { value }]) => [key, value]));

export const effectiveOf = ({ desired }: DeviceConfiguration): ReadonlyMap<string, Effective> =>
  new Map(Object.entries(desired));

export const documentFrom = (values: ReadonlyMap<string, Effective>): JsonObject =>
  Object.fromEntries([...values].map(([key, { value }]) => [key, value]));
