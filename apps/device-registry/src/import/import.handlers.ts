import { Controller, Inject } from '@nestjs/common';
import { AppError, DEFAULT_PAGE, newId, type Done } from '@muster/contracts';
import {
  addImportRows,
  beginImport,
  deleteImport,
  dropImport,
  getImport,
  listImportedRows,
  listImports,
  startImport,
  type AddImportRows,
  type BeginImport,
  type ImportBegun,
  type ImportedRows,
  type ImportListed,
  type ImportPage,
  type DeleteImport,
  type ImportRef,
  type ImportStarted,
  type ImportView,
  type ListImportedRows,
  type ListImports,
  type StartImport,
} from '@muster/contracts/device-registry/imports.requests';
import { idempotently, type Database, type EventStore } from '@muster/event-store';
import { job, Jobs } from '@muster/jobs';
import { Handles } from '@muster/messaging';
import { DATABASE, decodeCursor, EVENT_STORE, pageBy, TEXT } from '@muster/service-host';
import type { ImportParams } from './import-job.js';
import { DRY_RUN_JOB, IMPORT_JOB } from './import-kinds.js';
import { Imports } from './import-tables.js';

@Controller()
export class ImportHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(Jobs) private readonly jobs: Jobs,
    @Inject(Imports) private readonly imports: Imports,
  ) {}

  @Handles(beginImport)
  async begin({ tenantId }: BeginImport): Promise<ImportBegun> {
    const importId = newId();
    await this.imports.begin({ tenantId, importId });
    return { importId };
  }

  @Handles(addImportRows)
  async add({ rows, ...key }: AddImportRows): Promise<Done> {
    await this.imports.add(key, rows);
    return {};
  }

  @Handles(startImport)
  start({ tenantId, actor, importId, sha256, dryRun, idempotencyKey }: StartImport): Promise<ImportStarted> {
    return idempotently(this.database, {
      tenantId,
      key: idempotencyKey,
      // Without the id: a repetition has read the file again, into another import.
      body: { operation: startImport.subject, sha256, dryRun },
      run: async (tx) => {
        const rows = await this.imports.start(tx, { tenantId, importId }, dryRun);
        if (rows === 0) throw new AppError('invalid-request', 'The file has no rows.');
        const params: ImportParams = { importId };
        const kind = dryRun ? DRY_RUN_JOB : IMPORT_JOB;
        return { jobId: await this.jobs.start(tx, { tenantId, jobId: importId, kind, params, actor }) };
      },
    });
  }

  @Handles(dropImport)
  async drop(key: ImportRef): Promise<Done> {
    await this.imports.drop(key);
    return {};
  }

  @Handles(deleteImport)
  async delete({ actor, ...key }: DeleteImport): Promise<Done> {
    await this.imports.remove(key, actor);
    return {};
  }

  @Handles(listImports)
  async list({ tenantId, cursor, count, ...request }: ListImports): Promise<ImportPage> {
    const limit = request.limit ?? DEFAULT_PAGE;
    const [before] = decodeCursor('imports', cursor, [TEXT]) ?? [];
    const found = await this.imports.list(tenantId, before, limit + 1);
    const jobs = await this.store.loadMany(
      job,
      found.map(({ id }) => ({ tenantId, id })),
    );
    const read = found.map((one, nth): { readonly id: string; readonly listed: readonly ImportListed[] } => {
      const standing = jobs[nth]?.state.standing;
      if (standing == null) return { id: one.id, listed: [] }; // its job is forgotten: before the import, by a moment
      const { kind, status, total, done, failed, createdBy, endedAt } = standing;
      return { id: one.id, listed: [{ ...one, kind, status, total, done, failed, createdBy, endedAt }] };
    });
    // By what was read: one without its job is no reason to say that the list ends here.
    const page = pageBy('imports', read, limit, ({ id }) => [id]);
    return {
      items: page.items.flatMap(({ listed }) => listed),
      nextCursor: page.nextCursor,
      ...(count === true ? { total: await this.imports.countAll(tenantId) } : {}),
    };
  }

  @Handles(getImport)
  get(key: ImportRef): Promise<ImportView> {
    return this.imports.view(key);
  }

  @Handles(listImportedRows)
  async listRows({ cursor, count, outcome, ...request }: ListImportedRows): Promise<ImportedRows> {
    const { tenantId, importId } = request;
    const key = { tenantId, importId };
    const limit = request.limit ?? DEFAULT_PAGE;
    const list = `import ${importId} ${outcome ?? ''}`;
    const [after] = decodeCursor(list, cursor, [TEXT]) ?? [];
    await this.imports.view(key); // throws when there is no such import
    const page = { outcome: outcome ?? undefined, after: Number(after ?? 0), limit: limit + 1 };
    const found = await this.imports.rows(key, page);
    return {
      ...pageBy(list, found, limit, ({ line }) => [String(line)]),
      ...(count === true ? { total: await this.imports.countRows(key, page.outcome) } : {}),
    };
  }
}
