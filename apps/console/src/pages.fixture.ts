import type { Platform } from '@muster/testing';
import type { Page } from 'playwright-core';

/** Ids of what pages show, of which a spec has made each before. */
export interface Things {
  /** All that it may be called or said is markup. */
  readonly device: string;
  /** A campaign that is not launched yet. */
  readonly draft: string;
  /** One that was launched, which shows all that there is. */
  readonly launched: string;
  readonly supervision: string;
  readonly type: string;
  readonly import: string;
  readonly job: string;
  readonly parked: string;
  readonly integration: string;
  readonly hub: string;
  /** A device of it. */
  readonly hubDevice: string;
}

export const thingsOf = async ({ api }: Platform, device: string): Promise<Things> => {
  const first = async (list: string): Promise<string> => {
    const { body } = await api('GET', `/${list}${list.includes('?') ? '&' : '?'}limit=1`);
    return there(list, (body as { items: { id: string }[] }).items[0]);
  };
  const there = (what: string, thing: { readonly id: string } | undefined): string => {
    if (thing === undefined) throw new Error(`There is nothing to show of ${what}: specs before make it.`);
    return thing.id;
  };
  const { body } = await api('GET', '/campaigns?limit=50');
  const campaigns = (body as { items: { id: string; status: string; launchedAt?: string }[] }).items;
  return {
    device,
    draft: there(
      'a draft',
      campaigns.find(({ status }) => status === 'draft'),
    ),
    launched: there(
      'a launched campaign',
      campaigns.find(({ launchedAt }) => launchedAt !== undefined),
    ),
    supervision: await first('supervisions'),
    type: await first('device-types'),
    import: await first('imports'),
    job: await first('jobs'),
    parked: await first('parked'),
    integration: await first('integrations'),
    hub: await first('iot-hubs'),
    hubDevice: await first('devices?filter=interface==iothub'),
  };
};

interface PageOf {
  readonly path: (things: Things) => string;
  /** It shows a text that is markup, which somebody has written or a device has said. */
  readonly showsMarkup?: true;
}

const tab =
  (name: string) =>
  ({ device }: Things): string =>
    `/devices/${device}/${name}`;

/** Every page, by a name for it. */
export const PAGES: Readonly<Record<string, PageOf>> = {
  start: { path: () => '/' },
  devices: { path: () => '/devices', showsMarkup: true },
  'the configuration of a device': { path: tab('configuration'), showsMarkup: true },
  'the telemetry of a device': { path: tab('telemetry'), showsMarkup: true },
  'the commands of a device': { path: tab('commands'), showsMarkup: true },
  'the firmware of a device': { path: tab('firmware') },
  'the connectivity of a device': { path: tab('connectivity') },
  'the history of a device': { path: tab('history'), showsMarkup: true },
  'the files of a device': { path: tab('files'), showsMarkup: true },
  campaigns: { path: () => '/campaigns', showsMarkup: true },
  'a new campaign': { path: () => '/campaigns/new' },
  'a campaign': { path: ({ launched }) => `/campaigns/${launched}`, showsMarkup: true },
  'what a draft does': { path: ({ draft }) => `/campaigns/${draft}/edit/definition` },
  'the batches of a draft': { path: ({ draft }) => `/campaigns/${draft}/edit/batches` },
  'the review of a draft': { path: ({ draft }) => `/campaigns/${draft}/edit/review` },
  supervisions: { path: () => '/supervisions', showsMarkup: true },
  'a new supervision': { path: () => '/supervisions/new' },
  'a supervision': { path: ({ supervision }) => `/supervisions/${supervision}` },
  'device types': { path: () => '/types' },
  'a device type': { path: ({ type }) => `/types/${type}` },
  firmware: { path: () => '/firmware' },
  imports: { path: () => '/imports' },
  'an import': { path: (things) => `/imports/${things.import}` },
  jobs: { path: () => '/jobs' },
  'a job': { path: ({ job }) => `/jobs/${job}` },
  audit: { path: () => '/audit' },
  'parked messages': { path: () => '/parked' },
  'a parked message': { path: ({ parked }) => `/parked/${parked}` },
  folders: { path: () => '/folders' },
  groups: { path: () => '/groups', showsMarkup: true },
  'access: you': { path: () => '/access/you' },
  'access: certificate authorities': { path: () => '/access/certificate-authorities' },
  'access: claim keys': { path: () => '/access/claim-keys', showsMarkup: true },
  settings: { path: () => '/settings' },
  'an integration': { path: ({ integration }) => `/settings/integrations/${integration}` },
  'IoT Hubs': { path: () => '/iot-hubs' },
  'an IoT Hub': { path: ({ hub }) => `/iot-hubs/${hub}` },
  'a device in an IoT Hub': { path: ({ hubDevice }) => `/devices/${hubDevice}/connectivity` },
  'no page': { path: () => '/nowhere' },
};

/** The page is there, and what it reads has come. */
export const settled = async (page: Page): Promise<void> => {
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.locator('[aria-busy="true"]').first().waitFor({ state: 'hidden' });
};

/**
 * Whatever the page shows next believes that whoever is signed in may read everything and change nothing. Not by a route of
 * Playwright, which would have the browser load all files anew for each page.
 */
export const mayOnlyRead = (page: Page): Promise<unknown> =>
  page.addInitScript(() => {
    const ask = globalThis.fetch;
    globalThis.fetch = async (input, init) => {
      const answer = await ask(input, init);
      if (!answer.ok || !answer.url.endsWith('/api/v1/me')) return answer;
      const me = (await answer.json()) as { rights: object[] };
      const rights = me.rights.map((right) => ({ ...right, permissions: ['read'] }));
      return Response.json({ ...me, rights });
    };
  });

/** Buttons that only show something else. What is not among them changes something. */
const LOOKS: readonly RegExp[] = [
  /^(Find|Menu|Settings and sign out|More acts|Close|Back|Next|Older|Newer|More|Show|Clear|Apply|Columns|Groups|All groups|Download tokens)\b/,
  /^(Only now|Earlier|Later|Closer|Wider|As a table|Try again|trace )/,
  // Sorts, or narrows to what is in a cell or counted.
  /^(Name|Created), /,
  /^\d[\d.,]*\s/,
];

interface Pressable {
  readonly name: string;
  readonly enabled: boolean;
  readonly title: string;
  readonly looks: boolean;
}

/** The acts that the page offers as it is, those of its menus too: what can be pressed, or is closed for another reason than a right. */
export const actsOffered = async (page: Page): Promise<readonly string[]> => {
  const acts: string[] = [];
  const look = async (where: string): Promise<void> => {
    const found = await page.evaluate(
      (selector): Pressable[] =>
        Array.from(document.querySelectorAll<HTMLButtonElement>(selector)).map((button) => ({
          name: (button.getAttribute('aria-label') ?? button.innerText).trim(),
          enabled: !button.disabled && button.getAttribute('data-disabled') !== 'true',
          title: button.title,
          // A choice of a form, a row to mark, a cell to narrow by: nothing is sent by them.
          looks: button.matches(
            '[data-narrows], .cell-button, .sort, .counter, [aria-haspopup], [aria-hidden="true"]',
          ),
        })),
      where,
    );
    for (const { name, enabled, title, looks } of found) {
      if (looks || LOOKS.some((pattern) => pattern.test(name))) continue;
      if (enabled) acts.push(`${name} can be pressed`);
      else if (!title.startsWith('You may not change this: the right to change'))
        acts.push(`${name} does not say why not`);
    }
  };
  await look('#page button');
  for (const menu of await page.locator('#page button[aria-haspopup="menu"]').all()) {
    await menu.click();
    await page.getByRole('menu').waitFor();
    await look('[role="menu"] [role="menuitem"]');
    await page.keyboard.press('Escape');
    await page.getByRole('menu').waitFor({ state: 'hidden' });
  }
  return acts;
};
