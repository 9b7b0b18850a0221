import type { Platform } from '@muster/testing';
import type { Page } from 'playwright-core';

interface Pages {
  readonly paths: readonly string[];
  /** That of a campaign that was launched, which shows all that there is. */
  readonly launched: string;
}

/** An address of every page, with things that a spec has made before. */
export const pagesOf = async ({ api }: Platform, device: string): Promise<Pages> => {
  const first = async (list: string): Promise<string> => {
    const { body } = await api('GET', `/${list}?limit=1`);
    return (body as { items: { id: string }[] }).items[0]?.id ?? '';
  };
  const { body } = await api('GET', '/campaigns?limit=50');
  const campaigns = (body as { items: { id: string; status: string; launchedAt?: string }[] }).items;
  const draft = campaigns.find(({ status }) => status === 'draft')?.id ?? '';
  const launched = `/campaigns/${campaigns.find(({ launchedAt }) => launchedAt !== undefined)?.id ?? ''}`;
  const paths = [
    '/',
    '/devices',
    ...['configuration', 'telemetry', 'commands', 'firmware', 'connectivity', 'history', 'files'].map(
      (tab) => `/devices/${device}/${tab}`,
    ),
    '/campaigns',
    '/campaigns/new',
    launched,
    ...['definition', 'batches', 'review'].map((step) => `/campaigns/${draft}/edit/${step}`),
    '/supervisions',
    '/supervisions/new',
    `/supervisions/${await first('supervisions')}`,
    '/types',
    `/types/${await first('device-types')}`,
    '/firmware',
    '/imports',
    `/imports/${await first('imports')}`,
    '/jobs',
    '/audit',
    `/jobs/${await first('jobs')}`,
    '/parked',
    `/parked/${await first('parked')}`,
    '/folders',
    '/groups',
    '/access/you',
    '/access/certificate-authorities',
    '/access/claim-keys',
    '/settings',
    `/settings/integrations/${await first('integrations')}`,
    '/nowhere',
  ];
  return { paths, launched };
};

/** The page is there, and what it reads has come. */
export const settled = async (page: Page): Promise<void> => {
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.locator('[aria-busy="true"]').first().waitFor({ state: 'hidden' });
};

/** From now on the page believes that whoever is signed in may read everything and change nothing. */
export const mayOnlyRead = (page: Page): Promise<unknown> =>
  page.route('**/api/v1/me', async (route) => {
    const response = await route.fetch();
    const me = (await response.json()) as { rights: object[] };
    const rights = me.rights.map((right) => ({ ...right, permissions: ['read'] }));
    await route.fulfill({ response, json: { ...me, rights } });
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
