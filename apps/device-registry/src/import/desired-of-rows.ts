import { AppError, isPassing, newId, type Actor, type JsonObject } from '@muster/contracts';
import {
  changeDesiredMany,
  checkValues,
  MAX_STATE_KEYS,
  ownValuesOf,
  readDeviceStates,
} from '@muster/contracts/configuration/campaign.requests';
import { sameJson } from '@muster/contracts/same-json';
import type { Bus } from '@muster/messaging';

/** What a row wants of its device. */
export interface DesiredOfRow {
  readonly line: number;
  /** Empty: it would be a new one. */
  readonly deviceId: string;
  /** Key → exactly its value; null takes it back. */
  readonly desired: JsonObject;
}

/** Of one row: whether anything changed, or why nothing did. */
export interface DesiredResult {
  readonly line: number;
  readonly changed: boolean;
  readonly code?: string | undefined;
  readonly detail?: string | undefined;
}

/** Well below what a message of the bus may have; a row has a quarter of it at most. */
const MAX_ASKED_BYTES = 512 * 1024;
const TIMEOUT_MS = 30_000;

/**
 * Changes desired values in the order of the rows, each device's for itself. Again it changes nothing. Rejects where
 * something passes: it is then asked again for all.
 */
export const changeDesiredOfRows = async (
  bus: Pick<Bus, 'request'>,
  { tenantId, actor, jobId }: { readonly tenantId: string; readonly actor: Actor; readonly jobId: string },
  rows: readonly DesiredOfRow[],
): Promise<readonly DesiredResult[]> => {
  const results: DesiredResult[] = [];
  for (const some of portionsOf(rows)) {
    const { outcomes } = await bus.request(
      changeDesiredMany,
      {
        tenantId,
        actor,
        // A new one each time: an answer that a fault has spoilt would be given again.
        operationId: newId(),
        deviceIds: some.map(({ deviceId }) => deviceId),
        mode: 'set',
        desired: {},
        desiredOf: some.map(({ desired }) => desired),
        reason: `job ${jobId}`,
      },
      { timeoutMs: TIMEOUT_MS },
    );
    some.forEach(({ line }, nth) => {
      const { code, detail, changed = false } = outcomes[nth] ?? {};
      if (code !== undefined && isPassing({ code }))
        throw new AppError('unavailable', detail ?? 'The desired values cannot be written right now.');
      results.push({ line, changed, code, detail });
    });
  }
  return results;
};

/**
 * What would become of them: what the rules of the device types refuse, and which differ from what a device has. `types`: line →
 * name of the type.
 */
export const checkDesiredOfRows = async (
  bus: Pick<Bus, 'request'>,
  tenantId: string,
  rows: readonly DesiredOfRow[],
  types: ReadonlyMap<number, string>,
): Promise<readonly DesiredResult[]> => {
  /** Many rows say the same. */
  const refusals: { readonly deviceType: string; readonly desired: JsonObject; readonly detail?: string }[] =
    [];
  const refusalOf = async (deviceType: string, desired: JsonObject): Promise<string | undefined> => {
    const known = refusals.find((one) => one.deviceType === deviceType && sameJson(one.desired, desired));
    if (known !== undefined) return known.detail;
    const request = { tenantId, deviceTypes: [deviceType], desired };
    const { refused } = await bus.request(checkValues, request, { timeoutMs: TIMEOUT_MS });
    const faults = refused.flatMap(({ errors }) =>
      errors.map(({ path, message }) => `desired.${path} ${message}`),
    );
    const refusal = faults.length === 0 ? {} : { detail: faults.join('; ') };
    refusals.push({ deviceType, desired, ...refusal });
    return refusal.detail;
  };
  const results: DesiredResult[] = [];
  for (const some of portionsOf(rows)) {
    const own = await ownValues(bus, tenantId, some);
    for (const { line, deviceId, desired } of some) {
      const has = own.get(deviceId) ?? {};
      const changed = Object.entries(desired).some(([key, value]) => !sameJson(has[key] ?? null, value));
      const detail = await refusalOf(types.get(line) ?? '', desired);
      results.push({
        line,
        changed,
        ...(detail === undefined ? {} : { code: 'invalid-configuration', detail }),
      });
    }
  }
  return results;
};

/** Of the devices that there are: key → the value that is its own. */
const ownValues = async (
  bus: Pick<Bus, 'request'>,
  tenantId: string,
  rows: readonly DesiredOfRow[],
): Promise<ReadonlyMap<string, JsonObject>> => {
  const keys = [...new Set(rows.flatMap(({ desired }) => Object.keys(desired)))];
  const own = new Map<string, JsonObject>();
  let deviceIds = rows.flatMap(({ deviceId }) => (deviceId === '' ? [] : [deviceId]));
  while (deviceIds.length > 0) {
    const request = { tenantId, deviceIds, keys: keys.length <= MAX_STATE_KEYS ? keys : undefined };
    const { states, askAgain = [] } = await bus.request(readDeviceStates, request, { timeoutMs: TIMEOUT_MS });
    for (const state of states) own.set(state.deviceId, ownValuesOf(state));
    deviceIds = askAgain;
  }
  return own;
};

/** In their order; each with a device once, and of a size that fits a message. */
const portionsOf = (rows: readonly DesiredOfRow[]): readonly (readonly DesiredOfRow[])[] => {
  const portions: DesiredOfRow[][] = [];
  let devices = new Set<string>();
  let bytes = 0;
  for (const row of rows) {
    const size = Buffer.byteLength(JSON.stringify(row.desired));
    const last = portions.at(-1);
    if (last !== undefined && !devices.has(row.deviceId) && bytes + size <= MAX_ASKED_BYTES) last.push(row);
    else {
      portions.push([row]);
      devices = new Set();
      bytes = 0;
    }
    devices.add(row.deviceId);
    bytes += size;
  }
  return portions;
};
