import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What could not be processed, of all services and queues. */
export class ParkedMessages1764300000003 implements MigrationInterface {
  readonly name = 'ParkedMessages1764300000003';

  async up(runner: QueryRunner): Promise<void> {
    // Times in milliseconds, as they are shown: a page begins at one of them.
    await runner.query(`
      CREATE TABLE parked_messages (
        tenant_id       text           NOT NULL,
        id              text           COLLATE "C" NOT NULL,
        state           text           NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'replayed', 'dropped')),
        service         text           NOT NULL,
        stream          text           NOT NULL,
        consumer        text           NOT NULL,
        subject         text           NOT NULL,
        shown_subject   text           NOT NULL,
        headers         jsonb          NOT NULL,
        payload         bytea,
        bytes           integer        NOT NULL,
        sequence        bigint,
        code            text,
        reason          text           NOT NULL,
        tries           integer        NOT NULL,
        trace_id        text,
        first_parked_at timestamptz(3) NOT NULL DEFAULT now(),
        last_parked_at  timestamptz(3) NOT NULL DEFAULT now(),
        decided_by      jsonb,
        decided_at      timestamptz(3),
        CHECK ((state = 'open') = (decided_at IS NULL)),
        PRIMARY KEY (tenant_id, id)
      )`);
    await runner.query(`
      COMMENT ON COLUMN parked_messages.subject IS
        'May hold the token of a device: it is for replay, shown_subject is for people'`);
    await runner.query(
      'CREATE INDEX parked_messages_by_time ON parked_messages (tenant_id, first_parked_at, id)',
    );
    // Few of many: the decided ones stay for weeks.
    await runner.query(
      `CREATE INDEX parked_messages_open ON parked_messages (stream, consumer) WHERE state = 'open'`,
    );
    await runner.query(
      'CREATE INDEX parked_messages_decided ON parked_messages (decided_at) WHERE decided_at IS NOT NULL',
    );
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
