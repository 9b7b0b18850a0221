import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Facts that are told outside and are no event of any stream. */
export class Announcements1763600000003 implements MigrationInterface {
  readonly name = 'Announcements1763600000003';

  async up(runner: QueryRunner): Promise<void> {
    // The columns of `events` in their order, and its positions: the relay reads both tables with one cursor.
    await runner.query('CREATE TABLE announcements (LIKE events INCLUDING DEFAULTS)');
    await runner.query(
      `ALTER TABLE announcements ALTER COLUMN position SET DEFAULT nextval('events_position_seq'),
         ADD PRIMARY KEY (tenant_id, stream, version)`,
    );
    await runner.query('CREATE INDEX announcements_in_order ON announcements (txid, position)');
    await runner.query('CREATE INDEX announcements_by_age ON announcements (recorded_at)');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
