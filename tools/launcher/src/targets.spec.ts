import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from '@jest/globals';

const root = resolve(import.meta.dirname, '../../../..');

/** Nx runs nothing for a project that does not name the target. */
it('every project can be built and linted by Nx, and tested where it has specs', () => {
  const projects = ['apps', 'libs', 'tools'].flatMap((group) =>
    readdirSync(join(root, group)).map((name) => join(group, name)),
  );
  const lacking = projects.flatMap((project) => {
    const manifest = join(root, project, 'package.json');
    if (!existsSync(manifest)) return [];
    const { nx } = JSON.parse(readFileSync(manifest, 'utf8')) as { nx?: { targets?: object } };
    const files = readdirSync(join(root, project, 'src'), { recursive: true, encoding: 'utf8' });
    const wanted = ['build', 'lint', ...(files.some((file) => /\.spec\.tsx?$/.test(file)) ? ['test'] : [])];
    return wanted
      .filter((target) => !(target in (nx?.targets ?? {})))
      .map((target) => `${project}: ${target}`);
  });
  expect(lacking).toEqual([]);
});
