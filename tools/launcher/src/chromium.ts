import { chromiumLaunch, readSettings, resolveChromium, type ChromiumLaunch } from '@muster/local-servers';

/** The browser of this machine, else one that is fetched as the servers are. Throws `Failure` when neither can be had. */
export const chromiumOf = async (root: string): Promise<ChromiumLaunch> => {
  const { servers } = readSettings(root, process.env);
  return chromiumLaunch(await resolveChromium({ servers, path: process.env['PATH'] ?? '' }));
};
