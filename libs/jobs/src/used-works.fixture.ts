import type { ChildProcess } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import { testDatabase, type TestDatabase } from '@muster/testing';
import type { JobWorkers } from './index.js';
import { migrateWorks, openWorks, type Works } from './jobs.fixture.js';

/** What the specs of one file work with. */
export interface UsedWorks {
  readonly works: Works;
  /** Of its database, for processes of their own. */
  readonly url: string;
  /** Are stopped after each spec, as processes are killed: whoever starts one adds it here. */
  readonly running: JobWorkers[];
  readonly children: ChildProcess[];
}

/** Opened before the specs of a file; before each of them nothing is left in `table`, nor of what was done. */
export const useWorks = (table: 'steps' | 'timers'): UsedWorks => {
  let open: { readonly server: TestDatabase; readonly works: Works } | undefined;
  const opened = (): NonNullable<typeof open> => {
    if (open === undefined) throw new Error('no spec has begun yet');
    return open;
  };
  const running: JobWorkers[] = [];
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    const server = await testDatabase({ name: table, migrate: migrateWorks });
    open = { server, works: openWorks(server.url) };
  });
  beforeEach(async () => {
    const { database } = opened().works;
    for (const emptied of [table, 'effects', 'works_worker._private_jobs'])
      await database.query(`DELETE FROM ${emptied}`);
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await Promise.all(running.splice(0).map((workers) => workers.stop()));
  });
  afterAll(async () => {
    await opened().works.database.close();
    await opened().server.drop();
  });

  return {
    get works() {
      return opened().works;
    },
    get url() {
      return opened().server.url;
    },
    running,
    children,
  };
};
