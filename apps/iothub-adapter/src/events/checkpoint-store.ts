import { randomUUID } from 'node:crypto';
import type { Checkpoint, CheckpointStore, PartitionOwnership } from '@azure/event-hubs';
import type { Database } from '@muster/event-store';

interface PartitionRow {
  partition_id: string;
  owner_id: string | null;
  owned_at: Date | null;
  etag: string | null;
  offset: string | null;
  sequence_number: string | null;
}

/**
 * Who reads which partition of a hub, and how far it was read, for the reader of Event Hubs: it shares the partitions among
 * the replicas, and takes those of one that has died once their claim is too old. Times are the database's.
 */
export const checkpointStore = (database: Database, hubId: string): CheckpointStore => {
  const rowsOf = async (source: string): Promise<PartitionRow[]> => {
    const { rows } = await database.query<PartitionRow>({
      text: 'SELECT * FROM hub_partitions WHERE hub_id = $1 AND source = $2',
      values: [hubId, source],
    });
    return rows;
  };

  /** Undefined: another one was faster. */
  const claim = async (wanted: PartitionOwnership): Promise<PartitionOwnership | undefined> => {
    const etag = randomUUID();
    const { rows } = await database.query<{ owned_at: Date }>({
      text: `INSERT INTO hub_partitions AS p (hub_id, source, partition_id, owner_id, owned_at, etag)
             VALUES ($1, $2, $3, $4, now(), $5)
             ON CONFLICT (hub_id, source, partition_id) DO UPDATE
               SET owner_id = excluded.owner_id, owned_at = excluded.owned_at, etag = excluded.etag
               WHERE p.etag IS NOT DISTINCT FROM $6
             RETURNING owned_at`,
      values: [hubId, sourceOf(wanted), wanted.partitionId, wanted.ownerId, etag, wanted.etag ?? null],
    });
    const [row] = rows;
    return row && { ...wanted, etag, lastModifiedTimeInMs: row.owned_at.getTime() };
  };

  return {
    listOwnership: async (fullyQualifiedNamespace, eventHubName, consumerGroup) => {
      const of = { fullyQualifiedNamespace, eventHubName, consumerGroup };
      const rows = await rowsOf(sourceOf(of));
      return rows.flatMap((row) =>
        row.owner_id === null || row.owned_at === null || row.etag === null
          ? []
          : [
              {
                ...of,
                partitionId: row.partition_id,
                ownerId: row.owner_id,
                lastModifiedTimeInMs: row.owned_at.getTime(),
                etag: row.etag,
              },
            ],
      );
    },
    claimOwnership: async (wanted) => {
      const claimed = await Promise.all(wanted.map(claim));
      return claimed.filter((one) => one !== undefined);
    },
    updateCheckpoint: async (checkpoint: Checkpoint) => {
      const { partitionId, offset, sequenceNumber } = checkpoint;
      // Never back: who has lost the partition and does not know it yet is behind the one who has it.
      await database.query({
        text: `INSERT INTO hub_partitions AS p (hub_id, source, partition_id, "offset", sequence_number)
               VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (hub_id, source, partition_id) DO UPDATE
                 SET "offset" = excluded."offset", sequence_number = excluded.sequence_number
                 WHERE p.sequence_number IS NULL OR p.sequence_number < excluded.sequence_number`,
        values: [hubId, sourceOf(checkpoint), partitionId, offset, sequenceNumber],
      });
    },
    listCheckpoints: async (fullyQualifiedNamespace, eventHubName, consumerGroup) => {
      const of = { fullyQualifiedNamespace, eventHubName, consumerGroup };
      const rows = await rowsOf(sourceOf(of));
      return rows.flatMap((row) =>
        row.offset === null || row.sequence_number === null
          ? []
          : [
              {
                ...of,
                partitionId: row.partition_id,
                offset: row.offset,
                sequenceNumber: Number(row.sequence_number),
              },
            ],
      );
    },
  };
};

const sourceOf = ({
  fullyQualifiedNamespace,
  eventHubName,
  consumerGroup,
}: Pick<Checkpoint, 'fullyQualifiedNamespace' | 'eventHubName' | 'consumerGroup'>): string =>
  [fullyQualifiedNamespace, eventHubName, consumerGroup].join('/').toLowerCase();
