/** The kinds of jobs that do the rows of an import. */
export const IMPORT_JOB = 'device-import';
export const DRY_RUN_JOB = 'device-import-dry-run';
export const IMPORT_KINDS: readonly string[] = [IMPORT_JOB, DRY_RUN_JOB];
