import type { EventStore } from '@muster/event-store';
import type { JobKind } from '@muster/jobs';
import type { Rules } from '../providers.js';
import { DRY_RUN_JOB, IMPORT_JOB } from './import-kinds.js';
import { importRows } from './import-rows.js';
import { contentOf, keepResults, type Imports, type RowResult } from './import-tables.js';

export interface ImportParams {
  readonly importId: string;
}

interface Parts {
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

const jobOf = (kind: string, { store, imports, rules }: Parts, isReal: boolean): JobKind<ImportParams> => ({
  kind,
  inOrder: isReal,
  plan: async ({ tenantId, params }, cursor) => {
    const lines = await imports.lines({ tenantId, ...params }, Number(cursor ?? 0), PLAN_PAGE);
    return {
      items: lines.map(String),
      next: lines.length < PLAN_PAGE ? null : String(lines.at(-1)),
    };
  },
  run: async (tx, { tenantId, actor, params }, items) => {
    const key = { tenantId, importId: params.importId };
    const lines = await contentOf(tx, key, items.map(Number));
    if (!isReal) await tx.query('SAVEPOINT dry_run');
    const results = await importRows(tx, { store, rules, tenantId, actor }, lines);
    if (!isReal) await tx.query('ROLLBACK TO SAVEPOINT dry_run');
    await keepResults(tx, key, isReal ? results : results.map(withoutWhatIsNotThere));
    const byLine = new Map(results.map((result) => [String(result.line), result]));
    return items.map((item) => {
      const { code, detail } = byLine.get(item) ?? {};
      return { ...(code === undefined ? {} : { code }), ...(detail === undefined ? {} : { detail }) };
    });
  },
});

const withoutWhatIsNotThere = (result: RowResult): RowResult => ({
  ...result,
  tokenId: undefined,
  ...(result.outcome === 'created' ? { deviceId: undefined } : {}),
});
