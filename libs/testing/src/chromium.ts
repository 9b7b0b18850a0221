/** The run's browser; undefined where none can be had: then its specs are skipped. Playwright's launch options. */
export const chromiumOptions = ():
  | {
      readonly executablePath: string;
      readonly args: string[];
      readonly env: Record<string, string>;
    }
  | undefined => {
  const executablePath = process.env['MUSTER_TEST_CHROMIUM'];
  if (executablePath === undefined) return undefined;
  const libraries = process.env['MUSTER_TEST_CHROMIUM_LIBRARIES'];
  return {
    executablePath,
    // Root has no sandbox to be in, and there is no graphics card.
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    env: {
      ...Object.fromEntries(
        Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
      ),
      ...(libraries === undefined ? {} : { LD_LIBRARY_PATH: libraries }),
    },
  };
};
