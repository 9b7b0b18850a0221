import type { QueryRunner } from 'typeorm';

/**
 * Makes an index of a table that is large already, while others write to it: a plain CREATE INDEX stops them until it is
 * done. For a migration with `transaction = false` that does nothing else, because half of it may be done when it breaks.
 * Safe to run again: what a broken run has left, an index that is kept up to date and that no query uses, is made anew.
 * `definition`: what follows the name.
 */
export const createIndexBesideWrites = async (
  runner: QueryRunner,
  name: string,
  definition: string,
): Promise<void> => {
  const broken = (await runner.query(
    'SELECT 1 FROM pg_index WHERE indexrelid = to_regclass($1) AND NOT indisvalid',
    [name],
  )) as readonly unknown[];
  if (broken.length > 0) await runner.query(`DROP INDEX CONCURRENTLY ${name}`);
  await runner.query(`CREATE INDEX CONCURRENTLY IF NOT EXISTS ${name} ${definition}`);
};
