import { AppError, type Actor } from '@muster/contracts';
import type {
  ImportedRow,
  ImportLine,
  ImportView,
  RowOutcome,
} from '@muster/contracts/device-registry/imports.requests';
import { recordAct, type Database, type Queryable } from '@muster/event-store';
import type pg from 'pg';
import type { DesiredOfRow, DesiredResult } from './desired-of-rows.js';
import { IMPORT_KINDS } from './import-kinds.js';

export interface ImportKey {
  readonly tenantId: string;
  readonly importId: string;
}

/** What became of a row, as it is kept. */
export interface RowResult {
  readonly line: number;
  readonly outcome: Exclude<RowOutcome, 'waiting'>;
  readonly deviceId?: string | undefined;
  readonly name?: string | undefined;
  /** Name; of one that did not fail. Not kept. */
  readonly deviceType?: string | undefined;
  /** Of a token that was generated. */
  readonly tokenId?: string | undefined;
  readonly code?: string | undefined;
  readonly detail?: string | undefined;
}

/** One that was started. */
export type StartedImport = Pick<ImportView, 'id' | 'dryRun' | 'createdAt'>;

/** How long one waits that was begun and never started. */
const UNSTARTED_HOURS = 24;

/** The job of one that is older may be forgotten already; it goes itself when the next one is begun. */
const IS_LISTED = 'started AND created_at >= now() - make_interval(days => $2)';

/** Imports and their rows. */
export class Imports {
  constructor(
    private readonly database: Database,
    private readonly keepDays: number,
  ) {}

  /** Forgets what is old as it goes: there is nothing else that grows them. */
  async begin({ tenantId, importId }: ImportKey): Promise<void> {
    await this.database.query(
      `DELETE FROM imports WHERE created_at < now() - make_interval(days => $1)
         OR (NOT started AND created_at < now() - make_interval(hours => ${UNSTARTED_HOURS}))`,
      [this.keepDays],
    );
    await this.database.query('INSERT INTO imports (tenant_id, id) VALUES ($1, $2)', [tenantId, importId]);
  }

  /** Throws `import-not-found` for one that was started. */
  async add({ tenantId, importId }: ImportKey, rows: readonly ImportLine[]): Promise<void> {
    await this.database.transaction(async (tx) => {
      const { rowCount } = await tx.query(
        'SELECT FROM imports WHERE tenant_id = $1 AND id = $2 AND NOT started FOR SHARE',
        [tenantId, importId],
      );
      if (rowCount === 0) throw notFound();
      await tx.query(
        `INSERT INTO import_rows (tenant_id, import_id, line, row)
         SELECT $1, $2, line, row FROM json_to_recordset($3::json) AS r (line integer, row jsonb)
         ON CONFLICT DO NOTHING`,
        [tenantId, importId, JSON.stringify(rows)],
      );
    });
  }

  /** Returns how many rows it has. Throws `import-not-found`, also when it was started before. */
  async start(tx: pg.PoolClient, { tenantId, importId }: ImportKey, dryRun: boolean): Promise<number> {
    const { rowCount } = await tx.query(
      'UPDATE imports SET started = true, dry_run = $3 WHERE tenant_id = $1 AND id = $2 AND NOT started',
      [tenantId, importId, dryRun],
    );
    if (rowCount === 0) throw notFound();
    return countOf(await readCounts(tx, { tenantId, importId }));
  }

  async drop({ tenantId, importId }: ImportKey): Promise<void> {
    await this.database.query('DELETE FROM imports WHERE tenant_id = $1 AND id = $2 AND NOT started', [
      tenantId,
      importId,
    ]);
  }

  /** Throws `import-not-found`. */
  async view({ tenantId, importId }: ImportKey): Promise<ImportView> {
    const { rows } = await this.database.query<{ dry_run: boolean; created_at: Date }>(
      'SELECT dry_run, created_at FROM imports WHERE tenant_id = $1 AND id = $2',
      [tenantId, importId],
    );
    if (rows[0] === undefined) throw notFound();
    const { dry_run: dryRun, created_at: createdAt } = rows[0];
    const counts = await readCounts(this.database, { tenantId, importId });
    const { waiting = 0, created = 0, updated = 0, unchanged = 0, failed = 0 } = counts;
    return {
      id: importId,
      dryRun,
      createdAt: createdAt.toISOString(),
      rows: countOf(counts),
      waiting,
      created,
      updated,
      unchanged,
      failed,
    };
  }

  /** Those that were started, newest first: ids rise with the time. `before`: the id that the page before ended with. */
  async list(tenantId: string, before: string | undefined, limit: number): Promise<readonly StartedImport[]> {
    const { rows } = await this.database.query<{ id: string; dry_run: boolean; created_at: Date }>(
      `SELECT id, dry_run, created_at FROM imports
       WHERE tenant_id = $1 AND ${IS_LISTED} AND ($3::text IS NULL OR id < $3) ORDER BY id DESC LIMIT $4`,
      [tenantId, this.keepDays, before ?? null, limit],
    );
    return rows.map(({ id, dry_run: dryRun, created_at: at }) => ({
      id,
      dryRun,
      createdAt: at.toISOString(),
    }));
  }

  async countAll(tenantId: string): Promise<number> {
    const { rows } = await this.database.query<{ count: string }>(
      `SELECT count(*) FROM imports WHERE tenant_id = $1 AND ${IS_LISTED}`,
      [tenantId, this.keepDays],
    );
    return Number(rows[0]?.count ?? 0);
  }

  /** Throws `import-not-found`, `import-not-finished`: also while what failed of it is being tried again. */
  async remove({ tenantId, importId }: ImportKey, actor: Actor): Promise<void> {
    await this.database.transaction(async (tx) => {
      const { rows: known } = await tx.query(
        'SELECT FROM imports WHERE tenant_id = $1 AND id = $2 AND started FOR UPDATE',
        [tenantId, importId],
      );
      if (known.length === 0) throw notFound();
      const { rows } = await tx.query<{ job_id: string }>(
        `SELECT job_id FROM job_work
         WHERE tenant_id = $1 AND ended_at IS NULL AND kind = ANY($3) AND params->>'importId' = $2 LIMIT 1`,
        [tenantId, importId, IMPORT_KINDS],
      );
      const [open] = rows;
      if (open !== undefined) {
        throw new AppError(
          'import-not-finished',
          `Its job ${open.job_id} has not ended: wait for it, or cancel it, before the import is deleted.`,
        );
      }
      await tx.query('DELETE FROM imports WHERE tenant_id = $1 AND id = $2', [tenantId, importId]);
      await recordAct(tx, { tenantId, aggregate: 'import', id: importId, type: 'ImportDeleted', actor });
    });
  }

  async rows(
    { tenantId, importId }: ImportKey,
    page: { readonly outcome: RowOutcome | undefined; readonly after: number; readonly limit: number },
  ): Promise<ImportedRow[]> {
    const { rows } = await this.database.query<Row>(
      `SELECT r.line, r.outcome, r.device_id, r.name, r.code, r.detail, e.token FROM import_rows r
       LEFT JOIN device_tokens t ON t.tenant_id = r.tenant_id AND t.id = r.token_id AND t.status = 'inactive'
       LEFT JOIN endpoint_tokens e ON e.tenant_id = t.tenant_id AND e.id = t.id
       WHERE r.tenant_id = $1 AND r.import_id = $2 AND r.line > $3 AND ($4::text IS NULL OR r.outcome = $4)
       ORDER BY r.line LIMIT $5`,
      [tenantId, importId, page.after, page.outcome ?? null, page.limit],
    );
    return rows.map(rowOf);
  }

  async countRows(key: ImportKey, outcome: RowOutcome | undefined): Promise<number> {
    const counts = await readCounts(this.database, key);
    return outcome === undefined ? countOf(counts) : (counts[outcome] ?? 0);
  }

  /** Lines, ascending. */
  async lines({ tenantId, importId }: ImportKey, after: number, limit: number): Promise<number[]> {
    const { rows } = await this.database.query<{ line: number }>(
      'SELECT line FROM import_rows WHERE tenant_id = $1 AND import_id = $2 AND line > $3 ORDER BY line LIMIT $4',
      [tenantId, importId, after, limit],
    );
    return rows.map(({ line }) => line);
  }
}

type RowCounts = Readonly<Partial<Record<RowOutcome, number>>>;

const readCounts = async (from: Queryable, { tenantId, importId }: ImportKey): Promise<RowCounts> => {
  const { rows } = await from.query<{ outcome: RowOutcome; n: number }>({
    text: 'SELECT outcome, n FROM import_counts WHERE tenant_id = $1 AND import_id = $2',
    values: [tenantId, importId],
  });
  return Object.fromEntries(rows.map(({ outcome, n }) => [outcome, n]));
};

/** All rows. */
const countOf = (counts: RowCounts): number => Object.values(counts).reduce((sum, n) => sum + n, 0);

/**
 * The content of these lines, in the order of the file; not of what is forgotten. `of`: what is to be done is what waits or has
 * failed; all is done anew where it is taken back in any case.
 */
export const contentOf = async (
  tx: pg.PoolClient,
  { tenantId, importId }: ImportKey,
  lines: readonly number[],
  of: 'to-do' | 'all',
): Promise<readonly ImportLine[]> => {
  const { rows } = await tx.query<ImportLine>(
    `SELECT line, row FROM import_rows
     WHERE tenant_id = $1 AND import_id = $2 AND line = ANY($3::integer[]) AND row IS NOT NULL
       AND ($4 OR outcome IN ('waiting', 'failed')) ORDER BY line`,
    [tenantId, importId, lines, of === 'all'],
  );
  return rows;
};

/** A row that says something of desired values, and still has its content. */
const SAYS_DESIRED = "jsonb_typeof(row -> 'desired') = 'object'";

export const saysDesired = async (
  tx: pg.PoolClient,
  { tenantId, importId }: ImportKey,
  lines: readonly number[],
): Promise<boolean> => {
  const { rowCount } = await tx.query(
    `SELECT FROM import_rows
     WHERE tenant_id = $1 AND import_id = $2 AND line = ANY($3::integer[]) AND ${SAYS_DESIRED} LIMIT 1`,
    [tenantId, importId, lines],
  );
  return rowCount !== 0;
};

/** What the rows that are done, and did not fail, want of their devices; in the order of the file. */
export const wantedDesired = async (
  tx: pg.PoolClient,
  { tenantId, importId }: ImportKey,
  lines: readonly number[],
): Promise<readonly DesiredOfRow[]> => {
  const { rows } = await tx.query<DesiredOfRow>(
    `SELECT line, coalesce(device_id, '') AS "deviceId", row -> 'desired' AS desired FROM import_rows
     WHERE tenant_id = $1 AND import_id = $2 AND line = ANY($3::integer[]) AND ${SAYS_DESIRED}
       AND outcome NOT IN ('waiting', 'failed') ORDER BY line`,
    [tenantId, importId, lines],
  );
  return rows;
};

/** The content goes, but of what failed, which may be tried again, and of what still waits for its desired values. */
export const keepResults = async (
  tx: pg.PoolClient,
  { tenantId, importId }: ImportKey,
  results: readonly RowResult[],
): Promise<void> => {
  await tx.query(
    `UPDATE import_rows i SET outcome = r.outcome, device_id = r."deviceId", name = r.name,
       token_id = coalesce(r."tokenId", i.token_id), code = r.code, detail = r.detail,
       row = CASE WHEN r.outcome = 'failed' OR ${SAYS_DESIRED} THEN i.row END
     FROM json_to_recordset($3::json) AS r (line integer, outcome text, "deviceId" text, name text, "tokenId" text,
       code text, detail text)
     WHERE i.tenant_id = $1 AND i.import_id = $2 AND i.line = r.line`,
    [tenantId, importId, JSON.stringify(results)],
  );
};

/** A row whose desired values were refused has failed, whatever became of the rest. */
export const keepDesiredResults = async (
  database: Database,
  { tenantId, importId }: ImportKey,
  results: readonly DesiredResult[],
): Promise<void> => {
  await database.query(
    `UPDATE import_rows i SET code = r.code, detail = r.detail, outcome = CASE
       WHEN r.code IS NOT NULL THEN 'failed' WHEN i.outcome = 'unchanged' AND r.changed THEN 'updated' ELSE i.outcome END
     FROM json_to_recordset($3::json) AS r (line integer, changed boolean, code text, detail text)
     WHERE i.tenant_id = $1 AND i.import_id = $2 AND i.line = r.line`,
    [tenantId, importId, JSON.stringify(results)],
  );
};

/** What became of rows that are done; their content goes, but of what failed. */
export const takeResults = async (
  tx: pg.PoolClient,
  { tenantId, importId }: ImportKey,
  lines: readonly number[],
): Promise<readonly Pick<RowResult, 'line' | 'code' | 'detail'>[]> => {
  const { rows } = await tx.query<Pick<RowResult, 'line' | 'code' | 'detail'>>(
    `UPDATE import_rows SET row = CASE WHEN outcome = 'failed' THEN row END
     WHERE tenant_id = $1 AND import_id = $2 AND line = ANY($3::integer[]) RETURNING line, code, detail`,
    [tenantId, importId, lines],
  );
  return rows;
};

interface Row {
  line: number;
  outcome: RowOutcome;
  device_id: string | null;
  name: string | null;
  token: string | null;
  code: string | null;
  detail: string | null;
}

const rowOf = ({ line, outcome, device_id: deviceId, name, token, code, detail }: Row): ImportedRow => ({
  line,
  outcome,
  ...(deviceId === null ? {} : { deviceId }),
  ...(name === null ? {} : { name }),
  ...(token === null ? {} : { token }),
  ...(code === null ? {} : { code }),
  ...(detail === null ? {} : { detail }),
});

const notFound = (): AppError => new AppError('import-not-found', 'There is no such import.');
