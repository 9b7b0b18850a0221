import { pathToFileURL } from 'node:url';

/**
 * Runs a program of the checkout to its end, in this process: no signal need be passed on, and nothing of it can be left.
 * Resolves with its exit code.
 */
export const runHere = async (
  program: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<number> => {
  process.setSourceMapsEnabled(true);
  process.argv = [process.execPath, program, ...args];
  Object.assign(process.env, environment);
  await import(pathToFileURL(program).href);
  return Number(process.exitCode ?? 0);
};
