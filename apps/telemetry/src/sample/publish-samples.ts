import { createHash } from 'node:crypto';
import { TELEMETRY_TYPE, telemetrySubject, type StoredSample } from '@muster/contracts/telemetry/published';
import type { Bus } from '@muster/messaging';
import type { StoredMessage } from './store-samples.js';
import { isoMicros } from './time.js';

/** Half of what the bus takes by default; JSON within JSON, headers and one large sample need room. */
const BATCH_BYTES = 500_000;

interface Batch {
  readonly subject: string;
  readonly messages: number[];
  readonly samples: StoredSample[];
  readonly digest: ReturnType<typeof createHash>;
  bytes: number;
}

/**
 * Publishes what was stored, by tenant and application version. Resolves with the places of the messages that were not
 * published. The id of a batch comes from its content: the same messages stored again are published once, as long as
 * JetStream remembers.
 */
export const publishSamples = async (
  bus: Bus,
  stored: readonly (StoredMessage | undefined)[],
): Promise<ReadonlySet<number>> => {
  const batches = batchesOf(stored);
  const outcomes = await Promise.allSettled(
    batches.map(({ subject, samples, digest }) =>
      bus.publishBatch(subject, {
        id: `telemetry:${digest.digest('hex').slice(0, 32)}`,
        type: TELEMETRY_TYPE,
        source: '/telemetry',
        time: new Date().toISOString(),
        data: { samples },
      }),
    ),
  );
  const failed = outcomes.flatMap((outcome, index) =>
    outcome.status === 'rejected' ? (batches[index]?.messages ?? []) : [],
  );
  return new Set(failed);
};

const batchesOf = (stored: readonly (StoredMessage | undefined)[]): Batch[] => {
  const all: Batch[] = [];
  const open = new Map<string, Batch>();
  for (const [index, one] of stored.entries()) {
    if (one === undefined) continue;
    const { tenantId, deviceId, appVersion } = one.message;
    const subject = telemetrySubject(tenantId, appVersion);
    for (const { at, sample } of one.samples) {
      const bytes = Buffer.byteLength(sample.json) + deviceId.length + 64;
      let batch = open.get(subject);
      if (batch === undefined || batch.bytes + bytes > BATCH_BYTES) {
        batch = { subject, messages: [], samples: [], digest: createHash('sha256'), bytes: 0 };
        open.set(subject, batch);
        all.push(batch);
      }
      batch.samples.push({ deviceId, ts: isoMicros(at), data: sample.data });
      batch.digest.update(`${tenantId}/${deviceId}/${at}/${sample.hash}\n`);
      batch.bytes += bytes;
      if (batch.messages.at(-1) !== index) batch.messages.push(index);
    }
  }
  return all;
};
