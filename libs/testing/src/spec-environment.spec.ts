import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../../../..');
let rootDir: string;

beforeAll(async () => {
  rootDir = await mkdtemp(join(tmpdir(), 'muster-open-'));
});
afterAll(() => rm(rootDir, { recursive: true }));

/** Runs a spec file of this body in a Jest of its own, and resolves with what it printed. */
const jest = async (body: string): Promise<{ code: number | null; output: string }> => {
  await writeFile(join(rootDir, 'some.spec.cjs'), `it('passes', () => {}); ${body}`);
  const testEnvironment = join(import.meta.dirname, 'spec-environment.js');
  const config = { rootDir, testEnvironment, testRegex: 'some.spec.cjs', transform: {} };
  const child = spawn(
    process.execPath,
    [join(root, 'node_modules/jest/bin/jest.js'), '--config', JSON.stringify(config), '--forceExit'],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
};

it('a spec file fails that leaves a timer, a server or a child open, and is told the kinds', async () => {
  const { code, output } = await jest(`
    setTimeout(() => {}, 60_000);
    require('node:net').createServer().listen(0);
    require('node:child_process').spawn('sleep', ['5'], { stdio: 'ignore' });
  `);
  const [, kinds = ''] = /Left open, 2000 ms after the last test: (.+?)\./.exec(output) ?? [output];
  expect(kinds.split(', ').sort()).toEqual(['ProcessWrap', 'TCPServerWrap', 'Timeout']);
  expect(code).toBe(1);
});

it('one that closes what it opened, or that left what keeps no process alive, passes', async () => {
  const { code, output } = await jest(`
    setTimeout(() => {}, 60_000).unref();
    const server = require('node:net').createServer().listen(0);
    afterAll((done) => void server.close(done));
  `);
  expect([code, output]).toEqual([0, expect.stringContaining('1 passed')]);
});
