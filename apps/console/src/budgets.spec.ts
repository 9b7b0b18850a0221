import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';

const web = resolve(import.meta.dirname, '../web');
const page = readFileSync(join(web, 'index.html'), 'utf8');
const kilobytes = (files: readonly string[]): number =>
  files.reduce((sum, file) => sum + gzipSync(readFileSync(join(web, file))).length, 0) / 1000;
const namedIn = (pattern: RegExp): readonly string[] =>
  Array.from(page.matchAll(pattern), ([, path]) => (path ?? '').slice(1));

/** What a browser loads over a slow line. Compressed, as the gateway sends it. */
describe('the built console', () => {
  it('begins with at most 260 kB of scripts and 40 kB of styles', () => {
    const scripts = namedIn(/(?:src|href)="(\/assets\/[^"]+\.js)"/g);
    const styles = namedIn(/href="(\/assets\/[^"]+\.css)"/g);
    expect(scripts.length).toBeGreaterThan(0);
    expect(kilobytes(scripts)).toBeLessThanOrEqual(260);
    expect(kilobytes(styles)).toBeLessThanOrEqual(40);
  });

  it('has no part above 30 kB that a page loads when it is opened', () => {
    const first = new Set(namedIn(/"(\/assets\/[^"]+\.js)"/g).map((path) => path.slice('assets/'.length)));
    const others = readdirSync(join(web, 'assets')).filter(
      (name) => name.endsWith('.js') && !first.has(name),
    );
    expect(others.filter((name) => kilobytes([`assets/${name}`]) > 30)).toEqual([]);
  });

  it('names no other host, and has no script in the page itself', () => {
    expect(page).not.toMatch(/https?:\/\//);
    expect(page).not.toMatch(/<script(?![^>]* src=)[^>]*>/);
  });
});
