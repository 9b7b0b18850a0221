import { join } from 'node:path';
import { runHere } from './run-here.js';
import { complain } from './terminal.js';
import { Failure } from '@muster/local-servers';

const PROGRAMS = ['debian-13'];

/** `npm run pods -- <program> …`: what needs podman and takes longer than `npm test` may. */
export const pods = async (root: string, [program = '', ...args]: readonly string[]): Promise<number> => {
  if (!PROGRAMS.includes(program)) {
    complain(new Failure(`npm run pods -- ${PROGRAMS.join(' | ')}`));
    return 64;
  }
  return runHere(join(root, 'tools/pods/dist/src', `${program}.js`), args, {});
};
