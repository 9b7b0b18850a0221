import type { ChromiumProgram } from './resolve.js';

/** What Playwright starts it with. */
export interface ChromiumLaunch {
  readonly executablePath: string;
  readonly args: string[];
  readonly env: Record<string, string>;
}

export const chromiumLaunch = ({ path, libraries }: ChromiumProgram): ChromiumLaunch => ({
  executablePath: path,
  // Root has no sandbox to be in, and there is no graphics card.
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  env: {
    ...Object.fromEntries(
      Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    ),
    ...(libraries === undefined ? {} : { LD_LIBRARY_PATH: libraries }),
  },
});
