import type { ErrorCode, ItemOutcome, JsonValue } from '@muster/contracts';
import type { PreparedMessage, PreparedSample } from './prepare-message.js';

/** Of a device: the keys it has latest values of, as far as the samples at hand have them, and how many there are. */
export interface DeviceKeys {
  readonly count: number;
  readonly known: ReadonlySet<string>;
}

export const deviceOf = ({ tenantId, deviceId }: { readonly tenantId: string; readonly deviceId: string }) =>
  `${tenantId}\n${deviceId}`;

/**
 * Takes the keys out of the samples that would give their device more than `most`, in the order of arrival: first come,
 * first kept. Keys that a device has stay, also above a limit that was lowered. `kept`: undefined where nothing is left
 * of a sample. The hash stays that of what was sent, so that it is known when it comes again.
 */
export const withinKeyLimit = (
  messages: readonly PreparedMessage[],
  keysOf: (device: string) => DeviceKeys,
  most: number,
): {
  readonly kept: ReadonlyMap<PreparedSample, PreparedSample | undefined>;
  readonly refused: ReadonlyMap<PreparedMessage, ReadonlySet<string>>;
} => {
  const kept = new Map<PreparedSample, PreparedSample | undefined>();
  const refused = new Map<PreparedMessage, Set<string>>();
  const admitted = new Map<string, Set<string>>();
  for (const message of messages) {
    const device = deviceOf(message);
    const { count, known } = keysOf(device);
    const fresh = admitted.get(device) ?? new Set();
    admitted.set(device, fresh);
    const isTaken = (key: string): boolean => {
      if (known.has(key) || fresh.has(key)) return true;
      if (count + fresh.size >= most) return false;
      fresh.add(key);
      return true;
    };
    for (const sample of message.samples) {
      const over = keysIn(sample.data).filter((key) => !isTaken(key));
      if (over.length === 0) continue;
      const of = refused.get(message) ?? new Set();
      refused.set(message, of);
      for (const key of over) of.add(key);
      kept.set(sample, without(sample, new Set(over)));
    }
  }
  return { kept, refused };
};

/** Those of a sample that is an object; another one has no latest values. */
export const keysIn = (data: JsonValue): string[] =>
  typeof data === 'object' && data !== null && !Array.isArray(data) ? Object.keys(data) : [];

/** Names at most ten keys: a device's answer is read by people. */
export const refusalOf = (keys: ReadonlySet<string>, most: number): ItemOutcome => {
  const named = [...keys].slice(0, 10).map((key) => JSON.stringify(key.slice(0, 100)));
  const more = keys.size > 10 ? ` and ${keys.size - 10} more` : '';
  const code: ErrorCode = 'telemetry-key-limit-reached';
  return {
    code,
    detail: `A device has at most ${most} telemetry keys; not stored: ${named.join(', ')}${more}. The rest of the message is stored.`,
  };
};

const without = (sample: PreparedSample, over: ReadonlySet<string>): PreparedSample | undefined => {
  const entries = Object.entries(sample.data as object).filter(([key]) => !over.has(key));
  if (entries.length === 0) return undefined;
  const data = Object.fromEntries(entries) as JsonValue; // the entries of what was one
  return { ...sample, data, json: JSON.stringify(data) };
};
