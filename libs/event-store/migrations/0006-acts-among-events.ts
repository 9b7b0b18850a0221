import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createIndexBesideWrites } from '../src/index-beside-writes.js';

/** The events that are acts of people, by time: few among those of devices, and all that an index of them costs. */
export class ActsAmongEvents1763600000006 implements MigrationInterface {
  readonly name = 'ActsAmongEvents1763600000006';

  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // The condition is IS_ACT of acts.ts, word for word, or the index is not used.
    await createIndexBesideWrites(
      runner,
      'events_acts',
      `ON events (tenant_id, recorded_at, position)
      WHERE metadata -> 'actor' ->> 'kind' IN ('user', 'api-key', 'service-account')
        AND NOT metadata ? 'job' AND NOT metadata ? 'follows'`,
    );
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
