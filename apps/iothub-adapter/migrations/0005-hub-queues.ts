import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What waits for a hub's throttle has its turn, and it is known when the last of them has his. */
export class HubQueues1763600800005 implements MigrationInterface {
  readonly name = 'HubQueues1763600800005';

  async up(runner: QueryRunner): Promise<void> {
    // NULL: there is no queue.
    await runner.query('ALTER TABLE hub_budgets ADD COLUMN queue_ends_at timestamptz');
    // Of whose throttle it waits for its turn at due_at; NULL: it waits for something else.
    await runner.query('ALTER TABLE hub_owed_offers ADD COLUMN hub_id text, ADD COLUMN limited_by text');
    // Somebody is at it until due_at. What it is owed meanwhile is another debt.
    await runner.query('ALTER TABLE hub_owed_offers ADD COLUMN claimed boolean NOT NULL DEFAULT false');
    await runner.query(
      'CREATE INDEX hub_owed_offers_queue ON hub_owed_offers (hub_id, limited_by) WHERE limited_by IS NOT NULL',
    );
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
