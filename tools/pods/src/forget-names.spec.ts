import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { forgetNames } from './forget-names.js';

const onLinux = process.platform === 'linux' ? describe : describe.skip;

onLinux('what a killed run left of names', () => {
  let directory: string;
  let server: ChildProcess | undefined;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'muster-names-'));
  });

  afterEach(async () => {
    if (server !== undefined) {
      const gone = once(server, 'exit');
      server.kill('SIGKILL');
      await gone;
      server = undefined;
    }
    rmSync(directory, { recursive: true });
  });

  const left = (files: Readonly<Record<string, string>>): void => {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
  };

  it('is removed, and the names of another run stay', () => {
    left({
      'muster-1': '10.89.7.1\n',
      'muster-1_default': '10.89.8.1\n',
      'muster-12': '10.89.0.1\n',
      podman: '10.88.0.1\n',
    });

    forgetNames('muster-1', directory);

    expect(readdirSync(directory).sort()).toEqual(['muster-12', 'podman']);
  });

  it.each([
    ['nobody has any more', '4194305'],
    ['another process has by now', String(process.pid)],
    ['is none', 'x'],
  ])('is also the number of a server that %s', (_, pid) => {
    left({ 'aardvark.pid': pid });

    forgetNames('muster-1', directory);

    expect(existsSync(join(directory, 'aardvark.pid'))).toBe(false);
  });

  it('is not the number of a server that runs', async () => {
    const program = join(directory, 'aardvark-dns');
    symlinkSync('/bin/sleep', program);
    server = spawn(program, ['60'], { stdio: 'ignore' });
    await once(server, 'spawn');
    left({ 'aardvark.pid': String(server.pid) });

    forgetNames('muster-1', directory);

    expect(existsSync(join(directory, 'aardvark.pid'))).toBe(true);
  });

  it('is nothing where no podman ever ran', () => {
    expect(() => forgetNames('muster-1', join(directory, 'none'))).not.toThrow();
  });
});
