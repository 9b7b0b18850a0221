import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, it } from '@jest/globals';
import { freePort } from '@muster/testing';

const rebuild = (env: Readonly<Record<string, string>>): Promise<{ code: number; stderr: string }> =>
  new Promise((done) => {
    execFile(
      process.execPath,
      [resolve(import.meta.dirname, 'rebuild.js'), 'commands.current'],
      { env },
      (error, _, stderr) => {
        done({ code: Number(error?.code ?? 0), stderr });
      },
    );
  });

it('says in one sentence that nothing answers where the database should be', async () => {
  const port = await freePort();
  const { code, stderr } = await rebuild({
    MUSTER_DATABASE_URL: `postgres://muster:secret@127.0.0.1:${port}/muster`,
  });
  expect(code).toBe(1);
  expect(stderr).toBe(
    `commands.current: failed: The database is not available. (connect ECONNREFUSED 127.0.0.1:${port})\n`,
  );
});
