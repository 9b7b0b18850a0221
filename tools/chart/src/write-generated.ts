import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generatedFiles } from './generated.js';
import { ROOT } from './places.js';

/** `node tools/chart/dist/src/write-generated.js`: the schema of the chart's values, and the table of them in its README. */
const files = await generatedFiles();
for (const { path, text } of files) writeFileSync(path, text);
const prettier = join(ROOT, 'node_modules/prettier/bin/prettier.cjs');
execFileSync(process.execPath, [prettier, '--write', ...files.map(({ path }) => path)], {
  cwd: ROOT,
  stdio: 'inherit',
});
