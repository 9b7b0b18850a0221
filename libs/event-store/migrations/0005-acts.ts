import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who did what when, where no event says it: there is none of it, or it was erased. For services without events, too. */
export class Acts1763600000005 implements MigrationInterface {
  readonly name = 'Acts1763600000005';

  async up(runner: QueryRunner): Promise<void> {
    // Positions below those of any event: what an erased stream leaves behind keeps the positions of its events.
    await runner.query('CREATE SEQUENCE acts_position MINVALUE -4503599627370496 START -4503599627370496');
    await runner.query(`
      CREATE TABLE acts (
        tenant_id   text        NOT NULL,
        recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        position    bigint      NOT NULL DEFAULT nextval('acts_position'),
        aggregate   text        NOT NULL,
        stream      text        NOT NULL,
        type        text        NOT NULL,
        metadata    jsonb       NOT NULL,
        PRIMARY KEY (tenant_id, recorded_at, position)
      )`);
    // Of one thing, and of all whose streams begin alike, in whatever order the database sorts text.
    await runner.query(
      'CREATE INDEX acts_by_stream ON acts (tenant_id, stream text_pattern_ops, recorded_at, position)',
    );
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
