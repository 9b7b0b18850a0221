import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Read model of the saved filters. The constraint is deferrable so that the table can be rebuilt from the events. */
export class Groups1764300000009 implements MigrationInterface {
  readonly name = 'Groups1764300000009';

  async up(runner: QueryRunner): Promise<void> {
    // COLLATE "C": the order of a page's cursor must not change with the operating system's locale data.
    await runner.query(`
      CREATE TABLE groups (
        tenant_id   text             NOT NULL,
        id          text             NOT NULL,
        name        text COLLATE "C" NOT NULL,
        description text,
        filter      text             NOT NULL,
        version     integer          NOT NULL,
        created_at  timestamptz      NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT groups_name UNIQUE (tenant_id, name) DEFERRABLE INITIALLY IMMEDIATE
      )`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
