import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { chromiumOf, startPrivatePlatform } from '@muster/launcher';
import pg from 'pg';
import { chromium, type Browser, type BrowserContext, type CDPSession, type Page } from 'playwright-core';
import { fillDevices } from './device-filter.js';
import { makeKnown } from './campaigns.js';
import { keepRaw } from './raw-results.js';
import { apiOf } from './state-filters.js';
import { markdownTable, milliseconds } from './statistics.js';

const DEVICES = Number(process.env['BENCH_DEVICES'] ?? 100_000);
const LIVE_SECONDS = Number(process.env['BENCH_LIVE_SECONDS'] ?? 600);
/** So that the campaign is under way for longer than it is looked at. */
const RATE_PER_MINUTE = Math.ceil((DEVICES / (LIVE_SECONDS + 300)) * 60);
/** What an operator takes for quick, and a browser for small. */
const MOST = { paintMs: 1_000, rowsMs: 1_500, heap: 100_000_000, scriptMs: 16 };
const SCROLL_SECONDS = 10;
const SCROLL_PX_PER_SECOND = 7_200;
const WITHIN_MS = 60_000;
/** A thousand pages, one after the other. */
const END_WITHIN_MS = 900_000;
const SERVICES = ['device-registry', 'configuration', 'campaign-orchestrator', 'identity', 'gateway'];

/**
 * The console in Chromium over 100,000 devices, which fetch by HTTP and are away, and one campaign of them all: when something
 * is painted, when the first rows are there, what a frame of scrolling costs, and what memory the pages take, also after ten
 * minutes of a campaign that moves. Over servers and services of its own; needs a browser, which is fetched if there is none.
 */
export const consoleBench = async (): Promise<string> => {
  const own = await startPrivatePlatform(resolve('.'), 'bench', { names: SERVICES, fill });
  let browser: Browser | undefined;
  try {
    browser = await chromium.launch(await chromiumOf(resolve('.')));
    const session = await signIn(browser, own.gatewayUrl, own.adminApiKeyFile);
    const devices = await opened(browser, session, `${own.gatewayUrl}/devices`);
    const scrolled = await scroll(devices.page, devices.cdp);
    const end = await toTheEnd(devices);
    await devices.page.context().close();

    const api = apiOf(own);
    const { id } = await api('POST', '/campaigns', {
      name: 'bench',
      target: { filter: 'name==device-*' },
      configurations: { firmware_version: '1.1' },
      expectedStates: { firmware_version: '1.1' },
      ratePerMinute: RATE_PER_MINUTE,
    });
    await api('POST', `/campaigns/${String(id)}/launch`, { expectedCount: DEVICES });
    // Its rows are there when its devices are.
    while ((await api('GET', `/campaigns/${String(id)}`))['total'] === null) await pause(500);
    const campaign = await opened(browser, session, `${own.gatewayUrl}/campaigns/${String(id)}`);
    const first = await heapOf(campaign.cdp);
    await campaign.page.waitForTimeout(LIVE_SECONDS * 1_000);
    const last = await heapOf(campaign.cdp);
    const result = {
      devices: { paint: devices.paintMs, rows: devices.rowsMs, heap: devices.heap, scrolled, end },
      campaign: { paint: campaign.paintMs, rows: campaign.rowsMs, heap: first, later: last },
      requests: { devices: devices.requests, campaign: campaign.requests },
    };
    const file = keepRaw('console', { count: DEVICES, liveSeconds: LIVE_SECONDS, ...result });
    return [
      markdownTable(
        [
          `${DEVICES.toLocaleString('en')} devices`,
          'the list of devices',
          'the page of a campaign of them all',
          'at most',
        ],
        [
          [
            'first paint',
            milliseconds(devices.paintMs),
            milliseconds(campaign.paintMs),
            milliseconds(MOST.paintMs),
          ],
          [
            'first rows',
            milliseconds(devices.rowsMs),
            milliseconds(campaign.rowsMs),
            milliseconds(MOST.rowsMs),
          ],
          ['memory of the page (JS heap)', megabytes(devices.heap), megabytes(first), megabytes(MOST.heap)],
          [`the same, after ${LIVE_SECONDS} s live`, '', megabytes(last), megabytes(MOST.heap)],
          [
            `the same, scrolled for ${SCROLL_SECONDS} s and to the end`,
            megabytes(end),
            '',
            megabytes(MOST.heap),
          ],
          [
            `script a frame, scrolled by ${SCROLL_PX_PER_SECOND.toLocaleString('en')} px/s`,
            `${milliseconds(scrolled.scriptMs)} (${scrolled.framesPerSecond.toFixed(0)} frames a second)`,
            '',
            milliseconds(MOST.scriptMs),
          ],
        ],
      ),
      `Raw results: ${file}`,
    ].join('\n\n');
  } finally {
    await browser?.close();
    await own.stop();
  }
};

const fill = async (databaseUrl: string): Promise<void> => {
  const database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
  try {
    await database.query('SET search_path = device_registry');
    await fillDevices(database, DEVICES);
    await database.query(`UPDATE devices SET interface = 'http'`);
    await makeKnown(database);
    await database.query('VACUUM ANALYZE');
  } finally {
    await database.end();
  }
};

type Session = Awaited<ReturnType<BrowserContext['storageState']>>;

const signIn = async (browser: Browser, url: string, keyFile: string): Promise<Session> => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(url);
  await page.getByLabel('API key').fill(readFileSync(keyFile, 'utf8').trim());
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Start', level: 1 }).waitFor();
  const session = await context.storageState();
  await context.close();
  return session;
};

interface Opened {
  readonly page: Page;
  readonly cdp: CDPSession;
  readonly paintMs: number;
  readonly rowsMs: number;
  /** What it had asked for by then: when each began, was answered and had ended, in ms. */
  readonly requests: readonly object[];
  readonly heap: number;
}

/** In a browser that has never seen the console: nothing comes from a cache. */
const opened = async (browser: Browser, storageState: Session, url: string): Promise<Opened> => {
  const context = await browser.newContext({ storageState, viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  page.setDefaultTimeout(WITHIN_MS);
  const cdp = await context.newCDPSession(page);
  await cdp.send('Performance.enable');
  await page.goto(url, { waitUntil: 'commit' });
  await page
    .getByRole('link', { name: /^device-/ })
    .first()
    .waitFor();
  const { paintMs, rowsMs, requests } = await page.evaluate(() => ({
    rowsMs: performance.now(),
    paintMs: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0,
    requests: (performance.getEntriesByType('resource') as PerformanceResourceTiming[])
      .filter(({ name }) => name.includes('/api/'))
      .map(({ name, startTime, responseStart, responseEnd }) => ({
        path: name.slice(location.origin.length),
        began: Math.round(startTime),
        answered: Math.round(responseStart),
        ended: Math.round(responseEnd),
      })),
  }));
  return { page, cdp, paintMs, rowsMs, requests, heap: await heapOf(cdp) };
};

/** Bytes that are in use when all that can be thrown away is. */
const heapOf = async (cdp: CDPSession): Promise<number> => {
  await cdp.send('HeapProfiler.collectGarbage');
  return metricOf(cdp, 'JSHeapUsedSize');
};

const metricOf = async (cdp: CDPSession, wanted: string): Promise<number> => {
  const { metrics } = await cdp.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === wanted)?.value ?? 0;
};

interface Scrolled {
  readonly scriptMs: number;
  readonly framesPerSecond: number;
}

const scroll = async (page: Page, cdp: CDPSession): Promise<Scrolled> => {
  const before = await metricOf(cdp, 'ScriptDuration');
  const frames = await page.evaluate(
    ([seconds, speed]) =>
      new Promise<number>((done) => {
        const grid = document.querySelector('[role=grid]');
        const began = performance.now();
        let count = 0;
        const step = (now: number): void => {
          count += 1;
          if (grid !== null) grid.scrollTop = ((now - began) / 1_000) * speed;
          if (now - began < seconds * 1_000) requestAnimationFrame(step);
          else done(count);
        };
        requestAnimationFrame(step);
      }),
    [SCROLL_SECONDS, SCROLL_PX_PER_SECOND] as const,
  );
  const script = (await metricOf(cdp, 'ScriptDuration')) - before;
  return { scriptMs: (script * 1_000) / frames, framesPerSecond: frames / SCROLL_SECONDS };
};

/** As whoever holds the key down does: each page is asked for on the way. Returns the memory at the end. */
const toTheEnd = async ({ page, cdp }: Opened): Promise<number> => {
  const grid = page.getByRole('grid');
  await grid.focus();
  const rows = Number(await grid.getAttribute('aria-rowcount')) - 1;
  const deadline = Date.now() + END_WITHIN_MS;
  const isThere = (): Promise<boolean> => page.locator(`[aria-rowindex="${rows + 1}"]`).isVisible();
  while (!(await isThere()) && Date.now() < deadline) {
    await page.keyboard.press('End');
    await page.waitForTimeout(100);
  }
  if (!(await isThere()))
    throw new Error(`The last of ${rows} rows was not there within ${END_WITHIN_MS} ms.`);
  return heapOf(cdp);
};

const megabytes = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`;
