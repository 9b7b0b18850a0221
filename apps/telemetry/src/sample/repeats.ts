import type { PreparedMessage, PreparedSample } from './prepare-message.js';

/** Clocks of two adapters may differ by this: the original may seem to have arrived after its repetition. */
export const CLOCK_TOLERANCE_MICROS = 10_000_000;

/** Only such a sample is ever compared. One with a time of its own has a natural key, one not marked is new. */
export const isComparable = (message: PreparedMessage, sample: PreparedSample): boolean =>
  (message.redelivered || message.duplicate) && !sample.ownTime;

/** A row without a time of its own: it lies under its arrival `at`. Times are Unix microseconds. */
export interface SlotRow {
  readonly tenantId: string;
  readonly deviceId: string;
  readonly hash: string;
  readonly at: number;
  /** Arrival of the sample that took the slot; its own arrival: it was stored as such; null: free. */
  readonly redeliveredAt: number | null;
  readonly duplicateAt: number | null;
}

export interface Recognition {
  /** Samples that are not to be stored: the time of the row that stands for each, and the slot that it took. */
  readonly known: ReadonlyMap<PreparedSample, { readonly at: number; readonly as: Slot }>;
  /** Rows, there or to be inserted now, with their slots as they must be from now on. */
  readonly changed: readonly SlotRow[];
}

type Slot = 'redelivered' | 'duplicate';

interface Row extends SlotRow {
  redeliveredAt: number | null;
  duplicateAt: number | null;
  /** Of this batch; not stored before it. */
  readonly isNew: boolean;
  isChanged: boolean;
}

/**
 * Decides which samples without a time of their own are in the store already, by device and content. Nothing in a
 * delivery identifies a publish, so this is a guess from two marks, and wherever they leave a choice the sample is
 * stored: a reading stored twice is seen, a lost one is not.
 *
 * - The broker's mark (_redelivered_) is on a message that was handed out and not acknowledged. The client's mark
 *   (_duplicate_, MQTT DUP) is on a second message: a client sends each unacknowledged publish once more per reconnect.
 *   One publish can thus lie in the queue twice, the second time marked, and each of the two can be redelivered. A row
 *   has one slot for either, and each slot takes one sample, for ever: of two equal readings the other may have been lost.
 * - A sample marked with neither is stored. So is a marked one that finds no slot, and it takes its own: what is
 *   redelivered twice, or resent twice, looks the same as two equal readings. Two redeliveries with nothing stored are
 *   therefore two rows, in one batch or in two, and so are two duplicates.
 * - A duplicate is also looked for among the samples before it in its batch: after a restart of the broker both copies
 *   of a publish come out of the queue together. A redelivery is not: the broker never has a message handed out twice at
 *   once, so an equal sample in the batch is another reading.
 * - A sample with both marks is the redelivery of a second message. Its first delivery took the duplicate's slot, or
 *   was stored itself, or got nowhere; so it tries the duplicate's slot of all rows, then the redelivery's.
 * - A row that was stored from a duplicate has a redelivery's slot only for samples with both marks: the mark of the
 *   client is part of the message, and comes again with it.
 * - Slots remember the arrival of what they took, and rows are known by their own: the same request sent again, whole
 *   or in parts, gives the same result.
 *
 * `stored` holds the rows of the devices and contents asked for by `questionsOf`, oldest first.
 */
export const recogniseRepeats = (
  messages: readonly PreparedMessage[],
  stored: readonly SlotRow[],
  windowMicros: number,
): Recognition => {
  const rows = new Map<string, Row[]>();
  const rowsAt = (key: string): Row[] => {
    const found = rows.get(key) ?? [];
    rows.set(key, found);
    return found;
  };
  for (const row of stored) rowsAt(keyOf(row, row)).push({ ...row, isNew: false, isChanged: false });

  const known = new Map<PreparedSample, { at: number; as: Slot }>();
  for (const { message, sample } of questionsOf(messages)) {
    const { tenantId, deviceId, receivedAt, redelivered, duplicate } = message;
    const { hash } = sample;
    const candidates = rowsAt(keyOf(message, sample));
    // Made by this very request, sent before: the natural key will find it.
    if (candidates.some(({ at }) => at === receivedAt)) continue;
    const match =
      (duplicate || redelivered) && slotFor(candidates, { receivedAt, redelivered, duplicate }, windowMicros);
    if (!match) {
      candidates.push({
        ...{ tenantId, deviceId, hash, at: receivedAt, isNew: true, isChanged: redelivered || duplicate },
        redeliveredAt: redelivered ? receivedAt : null,
        duplicateAt: duplicate ? receivedAt : null,
      });
      continue;
    }
    const { row, slot } = match;
    if (row[`${slot}At`] === null) {
      row[`${slot}At`] = receivedAt;
      row.isChanged = true;
    }
    known.set(sample, { at: row.at, as: slot });
  }
  return { known, changed: [...rows.values()].flat().filter(({ isChanged }) => isChanged) };
};

/** The slot that it took when it came before, else the oldest that is free for it. */
const slotFor = (
  rows: readonly Row[],
  { receivedAt, redelivered, duplicate }: Pick<PreparedMessage, 'receivedAt' | 'redelivered' | 'duplicate'>,
  windowMicros: number,
): { readonly row: Row; readonly slot: Slot } | undefined => {
  for (const row of rows) {
    if (row.duplicateAt === receivedAt) return { row, slot: 'duplicate' };
    if (row.redeliveredAt === receivedAt) return { row, slot: 'redelivered' };
  }
  const near = rows.filter(
    ({ at }) => at >= receivedAt - windowMicros && at <= receivedAt + CLOCK_TOLERANCE_MICROS,
  );
  const resent = duplicate ? near.find((row) => row.duplicateAt === null) : undefined;
  if (resent !== undefined) return { row: resent, slot: 'duplicate' };
  const handedOut = redelivered
    ? near.find(
        (row) => row.redeliveredAt === null && !row.isNew && (duplicate || row.duplicateAt !== row.at),
      )
    : undefined;
  return handedOut && { row: handedOut, slot: 'redelivered' };
};

export interface Question {
  readonly message: PreparedMessage;
  readonly sample: PreparedSample;
}

/** Marked samples and, of the same devices and contents, those that are not; by arrival. None: nothing to compare. */
export const questionsOf = (messages: readonly PreparedMessage[]): Question[] => {
  const withoutTime = messages.flatMap((message) =>
    message.samples.filter(({ ownTime }) => !ownTime).map((sample) => ({ message, sample })),
  );
  const asked = new Set(
    withoutTime
      .filter(({ message, sample }) => isComparable(message, sample))
      .map(({ message, sample }) => keyOf(message, sample)),
  );
  return withoutTime
    .filter(({ message, sample }) => asked.has(keyOf(message, sample)))
    .sort((a, b) => a.message.receivedAt - b.message.receivedAt);
};

export const keyOf = (
  { tenantId, deviceId }: Pick<PreparedMessage, 'tenantId' | 'deviceId'>,
  { hash }: Pick<PreparedSample, 'hash'>,
): string => `${tenantId}\n${deviceId}\n${hash}`;
