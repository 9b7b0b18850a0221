import type { Actor } from '@muster/contracts';
import type { ImportLine } from '@muster/contracts/device-registry/imports.requests';
import type { Database, EventStore } from '@muster/event-store';
import type { JobItemOutcome, JobKind, JobOf } from '@muster/jobs';
import type { Bus } from '@muster/messaging';
import type pg from 'pg';
import type { Rules } from '../providers.js';
import { changeDesiredOfRows, checkDesiredOfRows } from './desired-of-rows.js';
import { DRY_RUN_JOB, IMPORT_JOB } from './import-kinds.js';
import { importRows } from './import-rows.js';
import {
  contentOf,
  keepDesiredResults,
  keepResults,
  saysDesired,
  takeResults,
  wantedDesired,
  type ImportKey,
  type Imports,
  type RowResult,
} from './import-tables.js';

export interface ImportParams {
  readonly importId: string;
}

interface Parts {
  readonly bus: Pick<Bus, 'request'>;
  readonly database: Database;
  readonly store: EventStore;
  readonly imports: Imports;
  readonly rules: Rules;
}

/** Lines of one page of the plan. */
const PLAN_PAGE = 10_000;

/** Of two imports the one that was started later has the last word. Its items are the lines of the file. */
export const importJob = (parts: Parts): JobKind<ImportParams> => jobOf(IMPORT_JOB, parts, true);

/** Decides and writes as the import would, and takes it back: what it tells of a row is what would become of it now. */
export const dryRunJob = (parts: Parts): JobKind<ImportParams> => jobOf(DRY_RUN_JOB, parts, false);

const jobOf = (kind: string, parts: Parts, isReal: boolean): JobKind<ImportParams> => ({
  kind,
  inOrder: isReal,
  plan: async ({ tenantId, params }, cursor) => {
    const lines = await parts.imports.lines({ tenantId, ...params }, Number(cursor ?? 0), PLAN_PAGE);
    return {
      items: lines.map(String),
      next: lines.length < PLAN_PAGE ? null : String(lines.at(-1)),
    };
  },
  prepare: (job, items) => prepareDesired(parts, job, items.map(Number), isReal),
  run: async (tx, { tenantId, actor, params }, items) => {
    const key = { tenantId, importId: params.importId };
    const lines = items.map(Number);
    if (await saysDesired(tx, key, lines)) return outcomesOf(items, await takeResults(tx, key, lines));
    const content = await contentOf(tx, key, lines, 'to-do');
    return outcomesOf(items, await doRows(tx, parts, { ...key, actor }, content, isReal));
  },
});

/**
 * Desired values are another service's. So the rows of a portion that says something of them are done before it, in a transaction
 * of their own; then that service is asked, and what it says is kept. A portion may be prepared twice: what is done already is
 * not done again, but by a dry run, which takes it back each time.
 */
const prepareDesired = async (
  parts: Parts,
  { tenantId, jobId, actor, params: { importId } }: JobOf<ImportParams>,
  lines: readonly number[],
  isReal: boolean,
): Promise<void> => {
  const { bus, database } = parts;
  const key = { tenantId, importId };
  const { wanted, types } = await database.transaction(async (tx) => {
    if (!(await saysDesired(tx, key, lines))) return { wanted: [], types: new Map<number, string>() };
    const content = await contentOf(tx, key, lines, isReal ? 'to-do' : 'all');
    const done = await doRows(tx, parts, { ...key, actor }, content, isReal);
    return {
      wanted: await wantedDesired(tx, key, lines),
      types: new Map(done.map(({ line, deviceType = '' }) => [line, deviceType])),
    };
  });
  if (wanted.length === 0) return;
  const results = await (isReal
    ? changeDesiredOfRows(bus, { tenantId, actor, jobId }, wanted)
    : checkDesiredOfRows(bus, tenantId, wanted, types));
  await keepDesiredResults(database, key, results);
};

/** One outcome per row, which is kept with it. */
const doRows = async (
  tx: pg.PoolClient,
  { store, rules }: Parts,
  { actor, ...key }: ImportKey & { readonly actor: Actor },
  lines: readonly ImportLine[],
  isReal: boolean,
): Promise<readonly RowResult[]> => {
  if (!isReal) await tx.query('SAVEPOINT dry_run');
  const results = await importRows(tx, { store, rules, tenantId: key.tenantId, actor }, lines);
  if (!isReal) await tx.query('ROLLBACK TO SAVEPOINT dry_run');
  await keepResults(tx, key, isReal ? results : results.map(withoutWhatIsNotThere));
  return results;
};

const outcomesOf = (
  items: readonly string[],
  results: readonly Pick<RowResult, 'line' | 'code' | 'detail'>[],
): readonly JobItemOutcome[] => {
  const byLine = new Map(results.map((result) => [String(result.line), result]));
  return items.map((item) => {
    const { code, detail } = byLine.get(item) ?? {};
    return { ...(code == null ? {} : { code }), ...(detail == null ? {} : { detail }) };
  });
};

const withoutWhatIsNotThere = (result: RowResult): RowResult => ({
  ...result,
  tokenId: undefined,
  ...(result.outcome === 'created' ? { deviceId: undefined } : {}),
});
