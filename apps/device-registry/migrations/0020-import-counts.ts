import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * How many rows of an import stand how, because whoever follows one asks each second and its rows may be many. Kept by triggers: a
 * version that knows nothing of the numbers may still be at work on rows.
 */
export class ImportCounts1764490000020 implements MigrationInterface {
  readonly name = 'ImportCounts1764490000020';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE import_counts (
        tenant_id text    NOT NULL,
        import_id text    NOT NULL,
        outcome   text    NOT NULL,
        n         integer NOT NULL,
        PRIMARY KEY (tenant_id, import_id, outcome),
        FOREIGN KEY (tenant_id, import_id) REFERENCES imports (tenant_id, id) ON DELETE CASCADE
      )`);
    await this.follow(runner, 'INSERT', 'NEW TABLE AS after', 'SELECT *, 1 AS n FROM after');
    await this.follow(
      runner,
      'UPDATE',
      'OLD TABLE AS before NEW TABLE AS after',
      'SELECT *, -1 AS n FROM before UNION ALL SELECT *, 1 FROM after',
    );
    // Nobody writes a row before this is committed, and then it is counted.
    await runner.query(`
      INSERT INTO import_counts (tenant_id, import_id, outcome, n)
      SELECT tenant_id, import_id, outcome, count(*) FROM import_rows GROUP BY 1, 2, 3`);
  }

  private async follow(runner: QueryRunner, act: string, tables: string, changes: string): Promise<void> {
    const name = `count_import_rows_on_${act.toLowerCase()}`;
    // In one order, so that two transactions do not wait for each other.
    await runner.query(`
      CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO import_counts AS c (tenant_id, import_id, outcome, n)
        SELECT tenant_id, import_id, outcome, sum(n) FROM (${changes}) AS changes
        GROUP BY 1, 2, 3 HAVING sum(n) <> 0 ORDER BY 1, 2, 3
        ON CONFLICT (tenant_id, import_id, outcome) DO UPDATE SET n = c.n + excluded.n;
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE TRIGGER ${name} AFTER ${act} ON import_rows REFERENCING ${tables}
      FOR EACH STATEMENT EXECUTE FUNCTION ${name}()`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
