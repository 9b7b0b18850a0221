import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, it } from '@jest/globals';
import { freePort } from '@muster/testing';

const doctor = (env: Readonly<Record<string, string>>): Promise<{ code: number; stdout: string }> =>
  new Promise((done) => {
    execFile(process.execPath, [resolve(import.meta.dirname, 'doctor.js')], { env }, (error, stdout) => {
      done({ code: Number(error?.code ?? 0), stdout });
    });
  });

it('says of every service that nothing answers where the database should be', async () => {
  const port = await freePort();
  const { code, stdout } = await doctor({
    MUSTER_DATABASE_URL: `postgres://muster:secret@127.0.0.1:${port}/muster`,
  });
  expect(code).toBe(1);
  expect(stdout).toContain(
    `  FAULT  It could not be looked at: The database is not available. (connect ECONNREFUSED 127.0.0.1:${port})\n`,
  );
  expect(stdout).toMatch(/\n8 faults, 0 warnings\.\n$/);
  expect(stdout).not.toContain('secret');
}, 60_000);

it('asks for the database where none is named', async () => {
  expect(await doctor({})).toEqual({ code: 78, stdout: '' });
}, 60_000);
