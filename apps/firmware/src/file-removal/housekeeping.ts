import type { Database, EventStore } from '@muster/event-store';
import type { FileStore } from '@muster/files';
import { startUpkeep, type Logger, type Metrics, type Upkeep } from '@muster/observability';
import type { OperatorTokens } from '../download/operator-tokens.projection.js';
import { upload } from '../upload/upload.decider.js';
import type { UploadTokens } from '../upload/upload-tokens.js';
import type { Uploads } from '../upload/uploads.projection.js';

export interface HousekeepingOptions {
  readonly database: Database;
  readonly store: EventStore;
  readonly files: FileStore;
  readonly uploads: Uploads;
  readonly tokens: UploadTokens;
  readonly operatorTokens: OperatorTokens;
  readonly keepDays: number;
  readonly everyMs: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Few enough that the transaction of one round is short even with a slow store. */
const FILES_AT_ONCE = 50;
const UPLOADS_AT_ONCE = 500;
const TOKENS_AT_ONCE = 10_000;
const RETRY_SECONDS = 60;

/** Removes what is too old or may not be had any more, again and again. Every replica does; what one has, others skip. */
export const startHousekeeping = (options: HousekeepingOptions): Upkeep => {
  const { logger, metrics, everyMs } = options;
  const removed = metrics.counter('muster_firmware_files_removed_total', 'Files removed from the store');
  return startUpkeep({
    what: 'the housekeeping of files',
    everyMs,
    round: async () => {
      const uploads = await removeOldUploads(options);
      const tokens = await options.tokens.forgetExpired(TOKENS_AT_ONCE);
      const operators = await options.operatorTokens.forgetExpired(TOKENS_AT_ONCE);
      const files = await removeFiles(options);
      removed.inc(files.removed);
      return (
        uploads === UPLOADS_AT_ONCE ||
        [tokens, operators].includes(TOKENS_AT_ONCE) ||
        files.due === FILES_AT_ONCE
      );
    },
    logger,
  });
};

/** Returns how many were removed: fewer than there are when one could not be, so that it is not tried without a pause. */
const removeOldUploads = async ({ uploads, store, keepDays }: HousekeepingOptions): Promise<number> => {
  const old = await uploads.olderThan(keepDays, UPLOADS_AT_ONCE);
  const outcomes = await store.executeMany(
    upload,
    old.map(({ tenantId, deviceId, id }) => ({
      tenantId,
      id,
      command: { type: 'RemoveUpload', deviceId, reason: 'too-old', at: new Date().toISOString() },
      metadata: { actor: { kind: 'system', id: 'firmware' } },
    })),
  );
  return outcomes.filter((outcome) => outcome.error === undefined).length;
};

/** A file that cannot be removed now is tried again after a minute. */
const removeFiles = ({
  database,
  files,
  logger,
}: HousekeepingOptions): Promise<{ readonly due: number; readonly removed: number }> =>
  database.transaction(async (tx) => {
    const { rows } = await tx.query<{ file_key: string }>(
      `SELECT file_key FROM file_removals WHERE not_before <= now() ORDER BY not_before LIMIT $1
       FOR UPDATE SKIP LOCKED`,
      [FILES_AT_ONCE],
    );
    const keys = rows.map((row) => row.file_key);
    const outcomes = await Promise.allSettled(keys.map((key) => files.remove(key)));
    const failed = keys.filter((_key, index) => outcomes[index]?.status === 'rejected');
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure !== undefined) {
      logger.warn({ err: failure.reason as unknown, files: failed.length }, 'files cannot be removed now');
    }
    await tx.query('DELETE FROM file_removals WHERE file_key = ANY($1) AND file_key <> ALL($2)', [
      keys,
      failed,
    ]);
    await tx.query(
      'UPDATE file_removals SET not_before = now() + make_interval(secs => $2) WHERE file_key = ANY($1)',
      [failed, RETRY_SECONDS],
    );
    return { due: keys.length, removed: keys.length - failed.length };
  });
