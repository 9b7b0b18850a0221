import { setTimeout as sleep } from 'node:timers/promises';
import {
  EventHubConsumerClient,
  RetryMode,
  earliestEventPosition,
  type RetryOptions,
  type Subscription,
} from '@azure/event-hubs';
import type { Database } from '@muster/event-store';
import { startUpkeep, type Logger, type Metrics, type Upkeep } from '@muster/observability';
import { TIMEOUT_SECONDS } from '../azure/amqp-connection.js';
import { endpointConnectionString, findEndpoint } from '../azure/built-in-endpoint.js';
import { forgetHub } from '../hub/hub-tables.js';
import type { OpenHub, OpenHubs } from '../hub/open-hubs.js';
import { checkpointStore } from './checkpoint-store.js';
import { NotWanted, type HubEventHandler } from './hub-event-handler.js';

export interface EventReaderParts {
  readonly database: Database;
  readonly hubs: OpenHubs;
  readonly handler: HubEventHandler;
  readonly everyMs: number;
  /** Events handled together; the client's own default is ten, which is slow. */
  readonly batchSize: number;
  /** A replica that is silent for so long loses its partitions to the others. */
  readonly claimSeconds: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

interface Reader {
  readonly version: number;
  /** It has not looked after its claims for so long that they are void. */
  isStuck(): boolean;
  stop(): Promise<void>;
}

/** Events that the client fetches ahead, of each partition. */
const PREFETCH_BATCHES = 2;
/** How long the first event of a batch waits for others. */
const MAX_WAIT_SECONDS = 1;
/** The client's own delay is half a minute. */
const RETRIES: RetryOptions = {
  retryDelayInMs: 1_000,
  maxRetryDelayInMs: 10_000,
  mode: RetryMode.Exponential,
};
/** A client that is just being refused by the hub goes on for minutes before it sees that it is to end. */
const END_WITHIN_MS = 5_000;

/**
 * Reads the events of all hubs. Every replica has a reader for each hub; the client of Event Hubs shares the partitions among
 * them by the claims in the database, and the endpoint itself lets only the last who claimed one read it.
 */
export const startEventReaders = (parts: EventReaderParts): Upkeep => {
  const { logger } = parts;
  const lag = parts.metrics.gauge(
    'muster_iothub_events_behind',
    'Events of a partition of an IoT Hub that are not handled yet, as of the last batch',
    ['hub', 'partition'],
  );
  const readers = new Map<string, Reader>();
  const failing = new Set<string>();
  const upkeep = startUpkeep({
    what: 'reading the events of IoT Hubs',
    everyMs: parts.everyMs,
    round: async () => {
      const unusable = new Set<string>();
      const open = await parts.hubs.all(({ id }) => unusable.add(id));
      for (const id of readers.keys()) {
        if (open.some(({ hub }) => hub.id === id)) continue;
        await end(id);
        // One whose key cannot be had is still ours, with all that is owed to its devices.
        if (unusable.has(id)) {
          logger.warn({ hubId: id }, 'the events of an IoT Hub are not read while its key cannot be had');
          continue;
        }
        // Until it saw that the hub is gone it may have renewed its claims, or noted what it had in hand.
        await forgetHub(parts.database, id);
        logger.info({ hubId: id }, 'the events of an IoT Hub are not read any more');
      }
      // Side by side: one that is away does not hold up the others.
      await Promise.all(open.map((hub) => follow(hub)));
      return false;
    },
    logger,
  });
  return {
    check: () => upkeep.check(),
    stop: async () => {
      await upkeep.stop();
      await Promise.all([...readers.keys()].map(end));
    },
  };

  async function follow(open: OpenHub): Promise<void> {
    const { id, name, version } = open.hub;
    const reader = readers.get(id);
    if (reader?.version === version) {
      if (!reader.isStuck()) return;
      // Its client waits for minutes for an answer that went with a connection.
      logger.info({ hub: name }, 'the reader of the events of an IoT Hub hears nothing, and is replaced');
    }
    await end(id);
    try {
      readers.set(id, await begin(open));
      failing.delete(id);
      logger.info({ hub: name }, 'the events of an IoT Hub are read');
    } catch (error) {
      if (!failing.has(id))
        logger.warn({ err: error, hub: name }, 'the events of an IoT Hub cannot be read yet');
      failing.add(id);
    }
  }

  async function end(id: string): Promise<void> {
    const reader = readers.get(id);
    readers.delete(id);
    if (reader === undefined) return;
    const ended = reader.stop().then(
      () => true,
      (error: unknown) => {
        logger.warn({ err: error, hubId: id }, 'the reader of an IoT Hub did not end well');
        return true;
      },
    );
    const waiting = new AbortController();
    const late = sleep(END_WITHIN_MS, false, { signal: waiting.signal }).catch(() => false);
    // It claims nothing any more, and hands nothing over: the next one need not wait for it.
    if (!(await Promise.race([ended, late])))
      logger.info({ hubId: id }, 'the reader of an IoT Hub ends later');
    waiting.abort();
  }

  async function begin(open: OpenHub): Promise<Reader> {
    const { hub, access } = open;
    const endpoint = await findEndpoint(access);
    const claimMs = parts.claimSeconds * 1_000;
    const store = checkpointStore(parts.database, hub.id);
    let lookedAt = performance.now();
    const client = new EventHubConsumerClient(
      hub.consumerGroup,
      endpointConnectionString(access, endpoint),
      {
        ...store,
        listOwnership: (...of) => {
          lookedAt = performance.now();
          return store.listOwnership(...of);
        },
      },
      {
        // Who opens a partition while the connection goes away hears of that by this time alone; else it would be a minute.
        retryOptions: { ...RETRIES, timeoutInMs: Math.min(claimMs, TIMEOUT_SECONDS * 1_000) },
        loadBalancingOptions: {
          strategy: 'greedy',
          updateIntervalInMs: Math.max(500, claimMs / 6),
          partitionOwnershipExpirationIntervalInMs: claimMs,
        },
      },
    );
    /** Partitions that are ours, and still are. */
    const ours = new Map<string, { isWanted: boolean }>();
    let isEnded = false;
    const told = new Set<string>();
    const subscription: Subscription = client.subscribe(
      {
        processInitialize: ({ partitionId }) => {
          ours.set(partitionId, { isWanted: !isEnded });
          return Promise.resolve();
        },
        processClose: (_reason, { partitionId }) => {
          const part = ours.get(partitionId);
          if (part !== undefined) part.isWanted = false;
          lag.remove({ hub: hub.name, partition: partitionId });
          return Promise.resolve();
        },
        processEvents: async (events, context) => {
          const last = events.at(-1);
          const part = ours.get(context.partitionId);
          if (last === undefined || part === undefined) return;
          await parts.handler.handle(open, events, () => part.isWanted);
          // Only now: who dies before reads them again, and finds them stored.
          await context.updateCheckpoint(last);
          const newest = context.lastEnqueuedEventProperties?.sequenceNumber;
          if (newest !== undefined) {
            lag.set({ hub: hub.name, partition: context.partitionId }, newest - last.sequenceNumber);
          }
        },
        processError: (error, { partitionId }) => {
          if (error instanceof NotWanted) return Promise.resolve();
          const words = `${partitionId} ${error.name}`;
          if (!told.has(words))
            logger.warn({ err: error, hub: hub.name, partitionId }, 'a partition was not read');
          told.add(words);
          return Promise.resolve();
        },
      },
      {
        maxBatchSize: parts.batchSize,
        maxWaitTimeInSeconds: MAX_WAIT_SECONDS,
        prefetchCount: parts.batchSize * PREFETCH_BATCHES,
        skipParsingBodyAsJson: true,
        startPosition: earliestEventPosition,
        trackLastEnqueuedEventProperties: true,
      },
    );
    return {
      version: hub.version,
      isStuck: () => performance.now() - lookedAt > claimMs,
      stop: async () => {
        isEnded = true;
        for (const part of ours.values()) part.isWanted = false;
        await subscription.close();
        await client.close();
      },
    };
  }
};
