import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Folders as things of their own. Until now a folder was what devices said of themselves: each that they name, with those above
 * it, gets the events that it would have had.
 */
export class Folders1764420000016 implements MigrationInterface {
  readonly name = 'Folders1764420000016';

  async up(runner: QueryRunner): Promise<void> {
    // COLLATE "C": everything below /a is a range of the index, and pages are in the same order everywhere.
    await runner.query(`
      CREATE TABLE folders (
        tenant_id  text             NOT NULL,
        id         text             NOT NULL,
        parent_id  text,
        name       text COLLATE "C" NOT NULL,
        path       text COLLATE "C" NOT NULL,
        version    integer          NOT NULL,
        created_at timestamptz      NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT folders_path UNIQUE (tenant_id, path) DEFERRABLE INITIALLY IMMEDIATE
      )`);
    await runner.query('CREATE INDEX folders_by_parent ON folders (tenant_id, parent_id)');
    // Whose devices are still on their way. Not rebuilt: a job that is open says so itself.
    await runner.query(`
      CREATE TABLE folder_moves (
        tenant_id text NOT NULL,
        job_id    text NOT NULL,
        from_path text NOT NULL,
        to_path   text NOT NULL,
        PRIMARY KEY (tenant_id, job_id)
      )`);
    await runner.query(`
      INSERT INTO folders (tenant_id, id, parent_id, name, path, version, created_at)
      WITH RECURSIVE named (tenant_id, path) AS (
        SELECT DISTINCT tenant_id, folder FROM devices WHERE folder <> '/'
        UNION
        SELECT tenant_id, regexp_replace(path, '/[^/]+$', '') FROM named WHERE path ~ '^/[^/]+/'
      ), made AS (
        SELECT tenant_id, path, gen_random_uuid()::text AS id FROM named
      )
      SELECT m.tenant_id, m.id, p.id, regexp_replace(m.path, '^.*/', ''), m.path, 1,
             date_trunc('milliseconds', now())
      FROM made m LEFT JOIN made p ON p.tenant_id = m.tenant_id AND p.path = regexp_replace(m.path, '/[^/]+$', '')`);
    await runner.query(`
      INSERT INTO streams (tenant_id, stream, version, state_version, state)
      SELECT tenant_id, 'folder-' || id, 1, 1,
             jsonb_build_object('status', 'existing', 'name', name, 'parentId', parent_id)
      FROM folders`);
    await runner.query(`
      INSERT INTO events (tenant_id, stream, version, aggregate, type, schema_version, data, metadata)
      SELECT tenant_id, 'folder-' || id, 1, 'folder', 'FolderCreated', 1,
             jsonb_build_object('name', name, 'parentId', parent_id, 'path', path,
               'createdAt', to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')),
             '{"actor": {"kind": "system", "id": "device-registry"}}'
      FROM folders ORDER BY path`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
