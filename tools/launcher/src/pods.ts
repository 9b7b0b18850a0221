import { join } from 'node:path';
import { Failure } from '@muster/local-servers';
import { runHere } from './run-here.js';
import { complain } from './terminal.js';
import { test } from './test.js';

const PROGRAMS: Readonly<Record<string, (root: string, args: readonly string[]) => Promise<number>>> = {
  'debian-13': (root, args) => runHere(join(root, 'tools/pods/dist/src/debian-13.js'), args, {}),
  // Who names pods' specs has asked for them.
  compose: (root) => test(root, ['tools/pods/src/composition']),
};

/** `npm run pods -- <program> …`: what needs podman and takes longer than `npm test` may. */
export const pods = async (root: string, [program = '', ...args]: readonly string[]): Promise<number> => {
  const run = Object.hasOwn(PROGRAMS, program) ? PROGRAMS[program] : undefined;
  if (run === undefined) {
    complain(new Failure(`npm run pods -- ${Object.keys(PROGRAMS).join(' | ')}`));
    return 64;
  }
  return run(root, args);
};
