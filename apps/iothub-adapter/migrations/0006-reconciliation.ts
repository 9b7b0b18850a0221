import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What hubs and we have not alike, and what a walk through a hub has seen. */
export class Reconciliation1763600800006 implements MigrationInterface {
  readonly name = 'Reconciliation1763600800006';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE hub_identities ADD COLUMN made_at timestamptz');
    await runner.query(`
      CREATE TABLE hub_reconciliations (
        hub_id text NOT NULL PRIMARY KEY,
        job_id text NOT NULL
      )`);
    // Until all of a hub was seen; then what is different goes to the findings, and the rest is of no more interest.
    await runner.query(`
      CREATE TABLE hub_seen (
        hub_id        text  NOT NULL,
        job_id        text  NOT NULL,
        hub_device_id text  COLLATE "C" NOT NULL,
        -- As hub_identities.made.
        found         jsonb NOT NULL,
        PRIMARY KEY (hub_id, job_id, hub_device_id)
      )`);
    await runner.query(`
      CREATE TABLE hub_findings (
        tenant_id     text        NOT NULL,
        hub_id        text        NOT NULL,
        hub_device_id text        COLLATE "C" NOT NULL,
        finding       text        NOT NULL,
        device_id     text,
        -- NULL: the hub has told of it by an event.
        job_id        text,
        outcome       text        NOT NULL DEFAULT 'open',
        code          text,
        detail        text,
        at            timestamptz NOT NULL DEFAULT now(),
        -- Its identity was given to those who mend it.
        asked         boolean     NOT NULL DEFAULT false,
        -- An identity that is to be looked at by the hub's rule for enrolment. NULL: nothing is to be done.
        due_at        timestamptz,
        attempts      integer     NOT NULL DEFAULT 0,
        PRIMARY KEY (hub_id, hub_device_id)
      )`);
    await runner.query(
      'CREATE INDEX hub_findings_due ON hub_findings (hub_id, due_at) WHERE due_at IS NOT NULL',
    );
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
