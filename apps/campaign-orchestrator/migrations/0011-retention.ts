import type { MigrationInterface, QueryRunner } from 'typeorm';

/** That the devices of an ended campaign, or of a closed supervision, are no longer kept. */
export class Retention1764300000011 implements MigrationInterface {
  readonly name = 'Retention1764300000011';

  async up(runner: QueryRunner): Promise<void> {
    // `emptied`: the last of them is gone. Not columns of the lists, which are made again from events.
    for (const table of ['campaign_launches', 'supervision_counts'])
      await runner.query(
        `ALTER TABLE ${table} ADD COLUMN forgotten_at timestamptz(3), ADD COLUMN emptied boolean NOT NULL DEFAULT false`,
      );
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
