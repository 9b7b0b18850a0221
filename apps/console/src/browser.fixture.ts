import { chromiumOptions, eventually, startPlatform, type Platform } from '@muster/testing';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import {
  chromium,
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type Page,
} from 'playwright-core';
import { startHub, type HubBeside } from './hub.fixture.js';

/** The built files, as they ship. */
const WEB = resolve(import.meta.dirname, '../web');

/** Undefined: there is no browser here, and its specs are skipped. */
export const browserOptions = chromiumOptions();

export interface Console {
  readonly platform: Platform;
  /** Nobody has added it yet. */
  readonly hub: HubBeside;
  readonly browser: Browser;
  /** A page that is signed in, in a browser of its own, with what must not happen in it: faults, other hosts. */
  readonly open: (
    path: string,
    options?: BrowserContextOptions,
    /** Before it asks for anything. */
    prepare?: (page: Page) => Promise<unknown>,
  ) => Promise<Page>;
  /** A page without a session. */
  readonly openSignedOut: (path: string) => Promise<Page>;
  /** What was said on the console and asked of other hosts, since the last look; of `page`, or all. */
  readonly faults: () => readonly string[];
  readonly stop: () => Promise<void>;
}

/** The whole platform with its console, and Chromium. */
export const startConsole = async (): Promise<Console> => {
  const hub = await startHub();
  const platform = await startPlatform({ MUSTER_GATEWAY_CONSOLE: WEB, ...hub.environment }).catch(
    async (error: unknown) => {
      await hub.stop();
      throw error;
    },
  );
  const browser = await chromium.launch(browserOptions).catch(async (error: unknown) => {
    await platform.stop();
    await hub.stop();
    throw error;
  });
  let faults: string[] = [];
  /** The cookie of the first sign-in serves for all. */
  let session: Awaited<ReturnType<BrowserContext['storageState']>> | undefined;
  const openSignedOut = async (
    path: string,
    options: BrowserContextOptions = {},
    prepare?: (page: Page) => Promise<unknown>,
  ): Promise<Page> => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    // A wait ends when what it is for is there; this is for a machine that has much else to do.
    page.setDefaultTimeout(40_000);
    page.on('console', (message) => {
      // A refusal that is shown is no fault of the page, but browsers say it there too.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        faults.push(`${page.url()}: ${message.text()}`);
    });
    page.on('pageerror', (error) => faults.push(`${page.url()}: ${error.message}`));
    page.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      if (protocol !== 'data:' && protocol !== 'blob:' && origin !== platform.url)
        faults.push(`${page.url()} asks ${origin}`);
    });
    await prepare?.(page);
    await page.goto(platform.url + path);
    return page;
  };
  return {
    platform,
    hub,
    browser,
    openSignedOut,
    open: async (path, options, prepare) => {
      if (session === undefined) {
        const page = await openSignedOut('/');
        await signIn(page, platform.apiKey);
        session = await page.context().storageState();
        await page.context().close();
      }
      return openSignedOut(path, { storageState: session, ...options }, prepare);
    },
    faults: () => {
      const seen = faults;
      faults = [];
      return seen;
    },
    stop: async () => {
      await browser.close();
      await platform.stop();
      await hub.stop();
    },
  };
};

export const signIn = async (page: Page, key: string): Promise<void> => {
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Start', level: 1 }).waitFor();
};

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds against the page as it is, by all its rules or by `only` one; empty is right. */
export const axe = async (page: Page, only?: 'color-contrast'): Promise<readonly string[]> => {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(AXE);
  return page.evaluate(async (rule) => {
    const { axe: check } = globalThis as unknown as {
      axe: {
        run: (options: object) => Promise<{
          violations: { id: string; nodes: { html: string; any: { message: string }[] }[] }[];
        }>;
      };
    };
    const { violations } = await check.run({
      resultTypes: ['violations'],
      // Of WCAG 2.2, and off unless it is asked for.
      ...(rule === undefined ? { rules: { 'target-size': { enabled: true } } } : { runOnly: [rule] }),
    });
    return violations.map(
      ({ id, nodes }) =>
        `${id} (${nodes.length}): ${nodes[0]?.html.slice(0, 160) ?? ''} ${nodes[0]?.any[0]?.message ?? ''}`,
    );
  }, only);
};

const AT_ONCE = 10;

/** Devices over HTTP, whose part a spec plays. */
export const makeDevices = async (
  { api }: Platform,
  type: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, string>> => {
  await api('POST', '/device-types', { name: type, settings: { httpTokenOnly: true, minTokenLength: 6 } });
  const made = new Map<string, string>();
  // A few at a time: all at once want more connections than a busy machine gives within a request's time.
  for (let from = 0; from < names.length; from += AT_ONCE) {
    await Promise.all(
      names.slice(from, from + AT_ONCE).map(async (name) => {
        const { status, body } = await api('POST', '/devices', {
          name,
          deviceType: type,
          interface: 'http',
          ...(/^[\w-]{6,}$/.test(name) ? { token: name } : {}),
        });
        if (status !== 201) throw new Error(`${name}: ${JSON.stringify(body)}`);
        made.set(name, (body as { id: string }).id);
      }),
    );
  }
  return made;
};

/** What the device says: `ask('cmx', 'config', {})`. */
export const say = async (
  platform: Platform,
  type: string,
  token: string,
  [extension, resource]: readonly [string, string],
  body: unknown,
): Promise<Record<string, unknown>> => {
  const response = await fetch(`${platform.devicesUrl}/kp1/${type}-v1/${extension}/${token}/${resource}`, {
    method: 'POST',
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (response.status >= 400 && response.status !== 404)
    throw new Error(`${extension}/${resource}: ${response.status} ${text}`);
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
};

/** The device asks for its document and applies it, or refuses it. */
export const apply = (
  platform: Platform,
  type: string,
  token: string,
  [statusCode, reasonPhrase]: readonly [number, string] = [200, 'ok'],
): Promise<true> =>
  eventually(
    async () => {
      const { configId } = await say(platform, type, token, ['cmx', 'config/json'], {});
      if (configId === undefined) throw new Error('there is no document yet');
      await say(platform, type, token, ['cmx', 'applied/json'], { configId, statusCode, reasonPhrase });
      return true;
    },
    { what: `${token} has its document`, deadlineMs: 30_000 },
  );

/** An event that nobody can read, as a consumer has set it aside; only an operator can decide on it. */
export const park = async (platform: Platform, id: string, payload: object): Promise<void> => {
  const subject = 'muster.v1.event.device-registry.default.device.provisioned.d1';
  await platform.sql(
    `INSERT INTO campaign_orchestrator.parked_messages (tenant_id, id, service, stream, consumer, subject, shown_subject,
       headers, payload, bytes, reason, tries, trace_id)
     VALUES ('default', $1, 'configuration', 'EVENTS_DEVICE_REGISTRY', 'configuration-known-devices', $2, $2,
       $3, $4, $5, 'of a spec', 1, '0af7651916cd43dd8448eb211c80319c')`,
    [
      id,
      subject,
      { 'ce-type': 'io.muster.device.provisioned.v1', 'ce-id': id },
      Buffer.from(JSON.stringify(payload)),
      JSON.stringify(payload).length,
    ],
  );
};
