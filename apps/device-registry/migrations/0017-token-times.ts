import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When endpoint tokens open what they open. None had an end before. */
export class TokenTimes1764420000017 implements MigrationInterface {
  readonly name = 'TokenTimes1764420000017';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE device_tokens ADD COLUMN valid_from timestamptz, ADD COLUMN valid_until timestamptz',
    );
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
