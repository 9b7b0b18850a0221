import { EventHubConsumerClient, type EventPosition } from '@azure/event-hubs';
import { waitFor } from '../parts.js';

export interface Pace {
  readonly count: number;
  /** From the first to the last. */
  readonly seconds: number;
}

export type Positions = Readonly<Record<string, EventPosition>>;

/** Where each partition ends now. */
export const endOfPartitions = async (connectionString: string, group: string): Promise<Positions> => {
  const client = new EventHubConsumerClient(group, connectionString);
  try {
    const ids = await client.getPartitionIds();
    const ends = await Promise.all(
      ids.map(async (id) => {
        const { lastEnqueuedSequenceNumber } = await client.getPartitionProperties(id);
        return [id, { sequenceNumber: lastEnqueuedSequenceNumber, isInclusive: false }] as const;
      }),
    );
    return Object.fromEntries(ends);
  } finally {
    await client.close();
  }
};

/** What the endpoint gives to somebody who does nothing with it: so many events behind `startPosition`. */
export const readPlainly = async (
  connectionString: string,
  group: string,
  {
    startPosition,
    count,
    batchSize,
    prefetch,
  }: {
    readonly startPosition: Positions;
    readonly count: number;
    readonly batchSize: number;
    readonly prefetch: number;
  },
): Promise<Pace> => {
  const client = new EventHubConsumerClient(group, connectionString);
  let [read, first, last] = [0, 0, 0];
  const subscription = client.subscribe(
    {
      processEvents: (events) => {
        if (events.length === 0) return Promise.resolve();
        last = performance.now();
        if (read === 0) first = last;
        read += events.length;
        return Promise.resolve();
      },
      processError: (error) => {
        process.stderr.write(`the plain reader: ${error.message}\n`);
        return Promise.resolve();
      },
    },
    {
      startPosition,
      maxBatchSize: batchSize,
      prefetchCount: prefetch,
      maxWaitTimeInSeconds: 1,
      skipParsingBodyAsJson: true,
    },
  );
  try {
    await waitFor('the plain reader to read all', () => read >= count);
    return { count: read, seconds: (last - first) / 1_000 };
  } finally {
    await subscription.close();
    await client.close();
  }
};
