import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Replies that were kept before they were kept without the secrets they showed. */
export class RepliesWithoutSecrets1763600000004 implements MigrationInterface {
  readonly name = 'RepliesWithoutSecrets1763600000004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      UPDATE idempotency SET reply = (reply - '{token,secret,credentials}'::text[]) #- '{credential,secret}'
      WHERE reply ?| '{token,secret,credentials,credential}'::text[]`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
