import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fetchPackages, type PackageSet } from './packages.js';

/**
 * apt-get and dpkg-deb are stood in for: the states of a machine's package
 * lists cannot be made with the real ones.
 */
let directory: string;
let servers: string;
const path = process.env['PATH'];

const stand = async (program: string, script: string): Promise<void> => {
  const file = join(directory, 'bin', program);
  await writeFile(file, `#!/bin/sh\necho "${program} $*" >> '${directory}/calls'\n${script}\n`);
  await chmod(file, 0o755);
};
const calls = async (): Promise<string[]> =>
  (await readFile(join(directory, 'calls'), 'utf8'))
    .trim()
    .split('\n')
    .map((call) => call.replaceAll(directory, ''));

const nats: PackageSet = { name: 'nats', packages: ['nats-server'], works: () => Promise.resolve(true) };

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'muster packages '));
  servers = join(directory, '.muster/servers');
  await mkdir(join(directory, 'bin'));
  process.env['PATH'] = `${join(directory, 'bin')}${delimiter}${path}`;
  await stand('dpkg-deb', 'mkdir -p "$3/usr" && touch "$3/usr/unpacked"');
});
afterEach(async () => {
  process.env['PATH'] = path;
  await rm(directory, { recursive: true, force: true });
});

describe('fetchPackages', () => {
  it('fetches lists of its own when the machine has none or old ones, and tries again', async () => {
    await stand(
      'apt-get',
      'case "$*" in *update*) exit 100;; *Dir::State::lists=*download*) touch a.deb;; *) echo "E: 404 Not Found" >&2; exit 100;; esac',
    );
    const tree = await fetchPackages(nats, servers);
    expect(await readdir(join(tree, 'usr'))).toEqual(['unpacked']);
    expect((await calls()).map((call) => /(update|download|dpkg-deb)/.exec(call)?.[1])).toEqual([
      'download',
      'update',
      'download',
      'dpkg-deb',
    ]);
  });

  it('fetches once what two ask for at the same time', async () => {
    await stand('apt-get', 'sleep 0.2; touch a.deb');
    const trees = await Promise.all([fetchPackages(nats, servers), fetchPackages(nats, servers)]);
    expect(new Set(trees).size).toBe(1);
    expect(await calls()).toHaveLength(2);
    expect(await readdir(servers)).toEqual(['nats']);
  });

  it('tells the reason of apt when nothing helps, and leaves nothing behind', async () => {
    await stand(
      'apt-get',
      'echo "W: some warning" >&2; echo "E: Unable to locate package nats-server" >&2; exit 100',
    );
    await expect(fetchPackages(nats, servers)).rejects.toThrow('Unable to locate package nats-server');
    expect(await readdir(servers)).toEqual([]);
  });

  it('takes a broken download for none', async () => {
    await stand('apt-get', 'touch a.deb');
    await stand('dpkg-deb', 'echo "not a deb" >&2; exit 2');
    await expect(fetchPackages(nats, servers)).rejects.toThrow('not a deb');
    expect(await readdir(servers)).toEqual([]);
  });

  it('adds OpenSSL, by either name, when the programs do not run without', async () => {
    await stand(
      'apt-get',
      'case "$*" in *libssl3t64*) touch ssl.deb;; *libssl3*) exit 100;; *) touch a.deb;; esac',
    );
    let asked = 0;
    const set: PackageSet = { ...nats, works: () => Promise.resolve((asked += 1) > 1) };
    await fetchPackages(set, servers);
    expect((await calls()).at(-2)).toMatch(/download libssl3t64$/);
  });

  it('downloads nothing the second time', async () => {
    await stand('apt-get', 'touch a.deb');
    await fetchPackages(nats, servers);
    await stand('apt-get', 'exit 1');
    await fetchPackages(nats, servers);
    expect((await calls()).filter((call) => call.startsWith('apt-get'))).toHaveLength(1);
  });
});
