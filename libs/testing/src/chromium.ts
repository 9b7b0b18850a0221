import { chromiumLaunch, type ChromiumLaunch } from '@muster/local-servers';

/** The run's browser; undefined where none can be had: then its specs are skipped. */
export const chromiumOptions = (): ChromiumLaunch | undefined => {
  const path = process.env['MUSTER_TEST_CHROMIUM'];
  if (path === undefined) return undefined;
  const libraries = process.env['MUSTER_TEST_CHROMIUM_LIBRARIES'];
  return chromiumLaunch({ path, ...(libraries === undefined ? {} : { libraries }) });
};
