import { AppError } from '@muster/contracts';
import type { FileToSend } from '@muster/contracts/firmware/requests';
import type { UploadView } from '@muster/contracts/firmware/uploads.requests';
import type { Database, Projection, RecordedEvent } from '@muster/event-store';
import type { UploadEvent } from './upload.events.js';

export const uploadsProjection: Projection = {
  name: 'uploads',
  handles: ['UploadStored', 'UploadRemoved'],
  project: async (tx, events) => {
    for (const event of events as readonly RecordedEvent<UploadEvent>[]) {
      const { tenantId, streamId: id } = event;
      if (event.type === 'UploadRemoved') {
        await tx.query('DELETE FROM uploads WHERE tenant_id = $1 AND device_id = $2 AND id = $3', [
          tenantId,
          event.data.deviceId,
          id,
        ]);
        continue;
      }
      const { deviceId, name, fileKey, size, sha256, contentType, storedAt } = event.data;
      await tx.query(
        `INSERT INTO uploads (tenant_id, device_id, id, name, file_key, size, sha256, content_type, stored_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
        [tenantId, deviceId, id, name, fileKey, size, sha256, contentType ?? null, storedAt],
      );
    }
  },
  reset: async (tx) => {
    await tx.query('DELETE FROM uploads');
  },
};

interface UploadRow {
  id: string;
  device_id: string;
  name: string;
  file_key: string;
  size: string;
  sha256: string;
  content_type: string | null;
  stored_at: Date;
}

const SELECT = `
  SELECT id, device_id, name, file_key, size, sha256, content_type, stored_at FROM uploads`;

export interface UploadKey {
  readonly tenantId: string;
  readonly deviceId: string;
  readonly id: string;
}

export class Uploads {
  constructor(private readonly database: Database) {}

  /** Throws `file-not-found`. */
  async get({
    tenantId,
    deviceId,
    id,
  }: UploadKey): Promise<{ readonly view: UploadView; readonly file: FileToSend }> {
    const { rows } = await this.database.query<UploadRow>(
      `${SELECT} WHERE tenant_id = $1 AND device_id = $2 AND id = $3`,
      [tenantId, deviceId, id],
    );
    const [row] = rows;
    if (row === undefined) throw new AppError('file-not-found', 'No such file.');
    const view = viewOf(row);
    const { size, sha256, name } = view;
    return { view, file: { tenantId, fileKey: row.file_key, size, sha256, name } };
  }

  /** Newest first, after the id `before`. */
  async list(
    tenantId: string,
    deviceId: string,
    before: string | undefined,
    limit: number,
  ): Promise<UploadView[]> {
    const { rows } = await this.database.query<UploadRow>(
      `${SELECT} WHERE tenant_id = $1 AND device_id = $2 AND ($3::text IS NULL OR id < $3)
       ORDER BY id DESC LIMIT $4`,
      [tenantId, deviceId, before ?? null, limit],
    );
    return rows.map(viewOf);
  }

  async count(tenantId: string, deviceId: string): Promise<number> {
    const { rows } = await this.database.query<{ count: string }>(
      'SELECT count(*) FROM uploads WHERE tenant_id = $1 AND device_id = $2',
      [tenantId, deviceId],
    );
    return Number(rows[0]?.count ?? 0);
  }

  /**
   * What must give way to `kept`: earlier ones of its name when it overwrites, and beyond the count and the bytes that are kept what was stored first.
   * Not what has the lowest id: ids are made when an upload begins, and one that took long would remove itself.
   */
  async givingWay(
    { tenantId, deviceId, id }: UploadKey,
    overwrites: string | undefined,
    keep: { readonly count: number; readonly bytes: number },
  ): Promise<{ id: string; reason: 'overwritten' | 'too-many' }[]> {
    const { rows } = await this.database.query<{ id: string; overwritten: boolean }>(
      `SELECT id, overwritten FROM (
         SELECT id, overwritten, count(*) FILTER (WHERE NOT overwritten) OVER newest AS nth,
           sum(size) FILTER (WHERE NOT overwritten) OVER newest AS bytes
         FROM (SELECT id, stored_at, size, coalesce(name = $3, false) AND id < $4 AS overwritten
               FROM uploads WHERE tenant_id = $1 AND device_id = $2) AS u
         WINDOW newest AS (ORDER BY stored_at DESC, id DESC)) AS v
       WHERE overwritten OR nth > $5 OR bytes > $6 ORDER BY id LIMIT 500`,
      [tenantId, deviceId, overwrites ?? null, id, keep.count, keep.bytes],
    );
    return rows.map((row) => ({ id: row.id, reason: row.overwritten ? 'overwritten' : 'too-many' }));
  }

  async olderThan(days: number, most: number): Promise<UploadKey[]> {
    const { rows } = await this.database.query<{ tenant_id: string; device_id: string; id: string }>(
      `SELECT tenant_id, device_id, id FROM uploads WHERE stored_at < now() - make_interval(days => $1)
       ORDER BY stored_at LIMIT $2`,
      [days, most],
    );
    return rows.map((row) => ({ tenantId: row.tenant_id, deviceId: row.device_id, id: row.id }));
  }
}

const viewOf = (row: UploadRow): UploadView => ({
  id: row.id,
  deviceId: row.device_id,
  name: row.name,
  size: Number(row.size),
  sha256: row.sha256,
  ...(row.content_type === null ? {} : { contentType: row.content_type }),
  storedAt: row.stored_at.toISOString(),
});
