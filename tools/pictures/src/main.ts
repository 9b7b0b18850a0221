import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { chromiumOf } from '@muster/launcher';
import { chromium, type Browser, type Page } from 'playwright-core';

const SIZE = { width: 1280, height: 820 };
const FROM = process.env['MUSTER_URL'] ?? 'http://127.0.0.1:3000';
const KEY_FILE = resolve(process.env['MUSTER_DIRECTORY'] ?? '.muster', 'admin-api-key');
const INTO = resolve('docs/pictures');
const SCHEMES = ['light', 'dark'] as const;
/** The others are in the documents once. */
const ALSO_DARK: readonly string[] = ['device', 'campaign'];
const PAGE_WITHIN_MS = 30_000;
/** For what is drawn after it is there: charts, bars that grow. */
const SETTLES_MS = 1_500;

interface Item {
  readonly id: string;
  readonly name: string;
  readonly status?: string;
}

/**
 * Takes the pictures of docs/pictures: pages of the console on the fleet of `npm start -- --demo`, which
 * must run here, for some minutes already. The same pages every time, so that pictures change only when pages do.
 */
const main = async (): Promise<void> => {
  const browser = await chromium.launch(await chromiumOf(resolve('.')));
  try {
    mkdirSync(INTO, { recursive: true });
    const pages = await pagesOf();
    for (const scheme of SCHEMES) {
      const page = await signedIn(browser, scheme);
      for (const [name, path] of pages) {
        if (scheme === 'dark' && !ALSO_DARK.includes(name)) continue;
        await page.goto(FROM + path);
        await isDrawn(page);
        const file = join(INTO, `${name}-${scheme}.png`);
        await page.screenshot({ path: file });
        process.stdout.write(`${file}\n`);
      }
      await page.context().close();
    }
  } finally {
    await browser.close();
  }
};

/** By name of the picture. */
const pagesOf = async (): Promise<readonly (readonly [string, string])[]> => {
  const campaign = await oneOf(
    '/campaigns?limit=100',
    ({ status }) => status === 'paused' || status === 'running',
  );
  const supervision = await oneOf('/supervisions?limit=100', () => true);
  const radiator = await oneOf('/devices?filter=connected==true;syncState==in_sync&limit=50', ({ name }) =>
    name.includes('radiator'),
  );
  return [
    ['start', '/'],
    ['devices', '/devices'],
    ['device', `/devices/${radiator}/configuration`],
    ['telemetry', `/devices/${radiator}/telemetry?range=1h&keys=temperature,humidity`],
    ['campaign', `/campaigns/${campaign}`],
    ['supervision', `/supervisions/${supervision}`],
  ];
};

const oneOf = async (path: string, isIt: (item: Item) => boolean): Promise<string> => {
  const response = await fetch(`${FROM}/api/v1${path}`, { headers: { 'x-api-key': apiKey() } });
  if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
  const { items } = (await response.json()) as { readonly items: readonly Item[] };
  const found = items.find(isIt);
  if (found === undefined)
    throw new Error(
      `GET ${path} has nothing to show: does \`npm start -- --demo\` run here, for some minutes already?`,
    );
  return found.id;
};

const apiKey = (): string => readFileSync(KEY_FILE, 'utf8').trim();

const signedIn = async (browser: Browser, colorScheme: (typeof SCHEMES)[number]): Promise<Page> => {
  const context = await browser.newContext({ viewport: SIZE, colorScheme, reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(PAGE_WITHIN_MS);
  await page.goto(FROM);
  await page.getByLabel('API key').fill(apiKey());
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Start', level: 1 }).waitFor();
  return page;
};

/** Nothing is still a skeleton. */
const isDrawn = async (page: Page): Promise<void> => {
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.waitForTimeout(SETTLES_MS);
  await page.waitForFunction(() => document.querySelector('.mantine-Skeleton-root') === null);
  await page.waitForTimeout(SETTLES_MS);
};

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
