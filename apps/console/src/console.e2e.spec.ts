import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { eventually } from '@muster/testing';
import { readFileSync } from 'node:fs';
import type { BrowserContext, Page } from 'playwright-core';
import {
  apply,
  axe,
  browserOptions,
  makeDevices,
  park,
  say,
  startConsole,
  type Console,
} from './browser.fixture.js';
import { makeAuthority } from './access.fixture.js';
import { MARKUP, markedDevice } from './markup.fixture.js';
import { actsOffered, mayOnlyRead, PAGES, settled, thingsOf, type Things } from './pages.fixture.js';

// A browser beside everything else of the run.
jest.setTimeout(120_000);

const TYPE = 'radiator';
const NAMES = Array.from({ length: 110 }, (_, index) => `radiator-${String(index + 1).padStart(3, '0')}`);

/** The real platform in Debian's Chromium. Skipped, and said so by `npm test`, where there is no browser. */
(browserOptions === undefined ? describe.skip : describe)('the console', () => {
  let running: Console;
  let devices: ReadonlyMap<string, string>;
  /** All that it may be called or said is markup. */
  let marked: string;
  /** Browsers that serve more than one spec. */
  const lasting: BrowserContext[] = [];
  const idOf = (name: string): string => devices.get(name) ?? '';

  beforeAll(async () => {
    running = await startConsole();
    devices = await makeDevices(running.platform, TYPE, NAMES);
    await say(running.platform, TYPE, 'radiator-001', ['dcx', 'json'], { temperature: 21.5, alarm: 'none' });
    await apply(running.platform, TYPE, 'radiator-001').catch(() => undefined);
    marked = await markedDevice(running.platform);
  }, 120_000);
  afterAll(() => running.stop(), 30_000);
  afterEach(async () => {
    const over = running.browser.contexts().filter((context) => !lasting.includes(context));
    await Promise.all(over.map((context) => context.close()));
    expect(running.faults()).toEqual([]);
  });

  describe('signing in', () => {
    it('takes a key for a session that no script can read, and keeps the key nowhere', async () => {
      const { openSignedOut, platform } = running;
      const page = await openSignedOut('/devices');
      await page.getByLabel('API key').fill('mk_wrong');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('alert').waitFor();
      await page.getByLabel('API key').fill(platform.apiKey);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('heading', { name: 'Devices' }).waitFor();
      const kept = await page.evaluate(() =>
        JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href]),
      );
      expect(kept).not.toContain(platform.apiKey);
      expect(kept).not.toContain('session');
      const [cookie] = await page.context().cookies();
      expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict' });

      await page.getByRole('button', { name: 'Settings and sign out' }).click();
      await page.getByRole('menuitem', { name: 'Sign out' }).click();
      await page.getByLabel('API key').waitFor();
    });
  });

  describe('devices', () => {
    it('are found by what the filter suggests, and opened by keys alone', async () => {
      const page = await running.open('/devices');
      await page.getByText('112 in all').waitFor();
      await page.keyboard.press('/');
      await page.keyboard.type('nam');
      await page.getByRole('option', { name: 'name', exact: true }).waitFor();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await page.keyboard.type('==');
      await page.keyboard.type('radiator-04');
      await page.getByRole('option', { name: /radiator-042/ }).waitFor();
      await page.keyboard.type('2');
      await page.keyboard.press('Enter');
      await page.getByText('1 match').waitFor();
      expect(new URL(page.url()).searchParams.get('filter')).toBe('name==radiator-042');
      await page.getByRole('button', { name: 'Name, sorted' }).press('Enter');
      await page.locator('[role="columnheader"][aria-sort="descending"]').waitFor();
      expect(new URL(page.url()).searchParams.get('sort')).toBe('-name');
      // In its new order: until it has come there is nothing to open.
      await page.getByRole('grid').getByRole('link', { name: 'radiator-042' }).waitFor();
      await page.getByRole('grid').focus();
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'radiator-042' }).waitFor();
      await page.goBack();
      await page.getByText('1 match').waitFor();
    });

    it('of a wrong filter are not asked for: it says where it is wrong', async () => {
      const page = await running.open('/devices');
      await page.getByLabel('Filter devices').fill('interface==mqt');
      await page.getByRole('option', { name: 'mqtt' }).waitFor();
      await page.keyboard.press('Escape');
      await page.getByText('position 12: found "mqt", expected one of mqtt, http, iothub').waitFor();
      expect(await page.getByRole('button', { name: 'Apply' }).isDisabled()).toBe(true);
    });

    it('are changed together after their number was typed, in a job whose progress shows', async () => {
      const page = await running.open(`/devices?filter=deviceType==${TYPE}`);
      await page.getByText('110 match').waitFor();
      await page.getByLabel('Select all that match').check();
      await page.getByText('All 110 matching').waitFor();
      await page.getByRole('button', { name: 'Tags' }).click();
      await page.getByRole('combobox', { name: 'Add', exact: true }).fill('winter');
      await page.keyboard.press('Enter');
      await page.getByRole('button', { name: 'Look first' }).click();
      const act = page.getByRole('button', { name: 'Change 110' });
      await act.waitFor();
      expect(await act.isDisabled()).toBe(true);
      // What is about to be done is said where it is asked; "Back" loses nothing of what was typed.
      await page.getByText('Adds winter').waitFor();
      await page.getByRole('button', { name: 'Back' }).click();
      await page.getByRole('dialog').getByText('winter').waitFor();
      await page.getByRole('button', { name: 'Look first' }).click();
      await page.getByLabel('Type 110 to confirm').fill('11');
      expect(await act.isDisabled()).toBe(true);
      await page.getByLabel('Type 110 to confirm').fill('110');
      await act.click();
      await page.getByText('110 of 110').waitFor();
      const { body } = await running.platform.api('GET', '/devices?filter=tags==winter&count=true&limit=1');
      expect(body).toMatchObject({ total: 110 });
    });
  });

  describe('a device', () => {
    const edit = async (page: Page, key: string, value: string): Promise<void> => {
      await page.getByRole('button', { name: key === '' ? 'Set a key' : `Edit ${key}` }).click();
      if (key === '') await page.getByRole('textbox', { name: 'Key' }).fill('setpoint');
      await page.getByLabel('Value (JSON)').fill(value);
      await page.getByRole('button', { name: 'Set', exact: true }).click();
    };

    it('is set a value, which shows as in sync once the device has applied it, and is taken back', async () => {
      const page = await running.open(`/devices/${idOf('radiator-002')}`);
      await edit(page, '', '19');
      const row = page.getByRole('row', { name: /setpoint/ });
      await row.getByText('not sent').waitFor();
      await page.getByText('setpoint is changed').first().waitFor();
      await apply(running.platform, TYPE, 'radiator-002');
      await row.getByText('in sync').waitFor();
      await edit(page, 'setpoint', '22');
      await row.getByText('22').waitFor();
      await page.getByRole('button', { name: 'Undo' }).click();
      await page.getByText('setpoint is as before').waitFor();
      const { body } = await running.platform.api('GET', `/devices/${idOf('radiator-002')}/configuration`);
      expect(body).toMatchObject({ keys: { setpoint: { desired: 19 } } });
    });

    it('shows what somebody else set meanwhile, and loses nothing of what was typed', async () => {
      const { platform, open } = running;
      const path = `/devices/${idOf('radiator-003')}/configuration/desired`;
      await platform.api('PATCH', path, { setpoint: 18 });
      const page = await open(`/devices/${idOf('radiator-003')}`);
      await page.getByRole('button', { name: 'Edit setpoint' }).click();
      await page.getByLabel('Value (JSON)').fill('25');
      await platform.api('PATCH', path, { setpoint: 30 });
      await page.getByRole('button', { name: 'Set', exact: true }).click();
      const conflict = page.getByRole('alert');
      await conflict.getByText('Somebody was faster').waitFor();
      expect(await conflict.getByRole('row').nth(1).innerText()).toMatch(/setpoint\s+18\s+30[\s\S]*25/);
      await page.getByRole('button', { name: 'Set mine over it' }).click();
      await page.getByRole('dialog').waitFor({ state: 'hidden' });
      const { body } = await platform.api('GET', `/devices/${idOf('radiator-003')}/configuration`);
      expect(body).toMatchObject({ keys: { setpoint: { desired: 25 } } });
    });

    it('shows no secret before it is asked to: by its schema, by its name, or of a download', async () => {
      const { platform, open } = running;
      const id = idOf('radiator-010');
      const keys = { pin: { schema: { type: 'integer', writeOnly: true } } };
      await platform.api('PATCH', `/device-types/${TYPE}/configuration`, { keys });
      const secrets = { pin: 48151623, wifi: { ssid: 'hall', psk: 'hush-hush' }, api_token: 'tok-123' };
      const set = await platform.api('PATCH', `/devices/${id}/configuration/desired`, secrets);
      expect(set.status).toBe(200);
      const page = await open(`/devices/${id}`);
      const covered = async (): Promise<void> => {
        const text = await page.evaluate(() => document.body.innerText + document.body.innerHTML);
        for (const secret of ['48151623', 'hush-hush', 'tok-123']) expect(text).not.toContain(secret);
      };
      const row = page.getByRole('row', { name: /^wifi/ });
      await row.getByText('"psk":"••••••"').waitFor();
      await covered();
      await page.getByRole('button', { name: 'Edit wifi' }).click();
      await page.getByRole('dialog').getByText('"psk":"••••••"').waitFor();
      await covered();
      await page.getByRole('button', { name: 'Show and edit' }).click();
      expect(await page.getByLabel('Value (JSON)').inputValue()).toContain('hush-hush');
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'hidden' });
      // Who works by keys goes on where they were.
      await page.locator('[aria-label="Edit wifi"]:focus').waitFor();
      await page.getByRole('link', { name: 'History' }).click();
      await page.getByText('wifi', { exact: true }).waitFor();
      await covered();
      await page
        .getByRole('listitem')
        .filter({ hasText: 'pin' })
        .getByRole('button', { name: 'show what is secret' })
        .click();
      await page.getByText('48151623').waitFor();
      await platform.api('PUT', `/devices/${id}/configuration/desired`, {});
      await platform.api('PATCH', `/device-types/${TYPE}/configuration`, { keys: { pin: null } });
    });

    it('is given a command, and its answer is shown as it comes', async () => {
      const page = await running.open(`/devices/${idOf('radiator-004')}/commands`);
      await page.getByRole('textbox', { name: 'Command' }).fill('reboot');
      await page.getByRole('button', { name: 'Send' }).click();
      const row = page.getByRole('row', { name: /reboot/ });
      await row.getByText('pending').waitFor();
      const outstanding = await say(running.platform, TYPE, 'radiator-004', ['cex', 'command'], {});
      expect(outstanding).toMatchObject([{ id: 1, type: 'reboot' }]);
      await say(
        running.platform,
        TYPE,
        'radiator-004',
        ['cex', 'result/reboot'],
        [{ id: 1, statusCode: 200, reasonPhrase: 'as you wish', payload: { engine: true } }],
      );
      await row.getByText('executed').waitFor();
      await row.getByText('as you wish').waitFor();
    });

    it('is edited upon what was seen, is given metadata, and follows its folder', async () => {
      const { platform, open } = running;
      const path = `/devices/${idOf('radiator-009')}`;
      const page = await open(path);
      await page.getByRole('button', { name: 'Edit', exact: true }).click();
      await page.getByRole('textbox', { name: 'Folder' }).fill('hall');
      await page.getByRole('textbox', { name: 'Serial number' }).fill('S-9');
      // Key by key, as people type: each text on the way is kept.
      await page.getByRole('textbox', { name: 'Latitude' }).pressSequentially('52.05');
      await page.getByRole('textbox', { name: 'Longitude' }).pressSequentially('-0.5');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('must be a path such as').first().waitFor();
      await page.getByRole('textbox', { name: 'Folder' }).fill('/hall');
      await platform.api('PATCH', path, { tags: ['theirs'] });
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('Somebody was faster').waitFor();
      expect(await page.getByRole('alert').getByRole('table').innerText()).toMatch(
        /tags\s+\["winter"\]\s+\["theirs"\]\s+as theirs/,
      );
      await page.getByRole('button', { name: 'Save mine over it' }).click();
      await page.getByRole('link', { name: '/hall' }).waitFor();
      await page.getByText(/metadata key/).click();
      await page.getByRole('button', { name: 'Add metadata' }).click();
      await page.getByRole('textbox', { name: 'Key' }).fill('room');
      await page.getByLabel('Value (JSON)').fill('"12"');
      await page.getByRole('button', { name: 'Set', exact: true }).click();
      await page.getByText('"12"').waitFor();

      await page.goto(`${platform.url}/folders`);
      await page.getByRole('button', { name: 'Rename or move … /hall' }).click();
      await page.getByRole('textbox', { name: 'Name' }).fill('lobby');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('1 of 1').waitFor();
      await page.getByRole('button', { name: 'Delete … /lobby' }).waitFor();
      const { body } = await platform.api('GET', path);
      expect(body).toMatchObject({
        folder: '/lobby',
        serialNumber: 'S-9',
        position: { latitude: 52.05, longitude: -0.5 },
        tags: ['theirs'],
        metadata: { room: '12' },
      });
    });

    it('has its values drawn, and as a table', async () => {
      const page = await running.open(`/devices/${idOf('radiator-001')}/telemetry?keys=temperature,alarm`);
      await page.locator('.uplot canvas').waitFor();
      await page
        .getByRole('img', { name: /^alarm/ })
        .getByText('none')
        .waitFor();
      await page.getByText('2 values, each as it was sent').waitFor();
      await say(running.platform, TYPE, 'radiator-001', ['dcx', 'json'], { temperature: 22.5 });
      await page.getByText('3 values, each as it was sent').waitFor();
      await page.getByRole('switch', { name: 'As a table' }).check();
      const values = page.getByRole('region', { name: 'Values', exact: true });
      await values.getByRole('row', { name: /temperature 22\.5$/ }).waitFor();
      await page.reload();
      await values.getByRole('row', { name: /temperature 21\.5$/ }).waitFor();
      const file = page.waitForEvent('download');
      await page.getByRole('link', { name: 'CSV' }).click();
      const written = readFileSync(await (await file).path(), 'utf8');
      expect(written.split('\r\n')).toHaveLength(5);
    });
  });

  describe('a device type', () => {
    it('is made, and says what its devices may do, which keys they have and what they run', async () => {
      const { platform, open } = running;
      const page = await open('/types');
      await page
        .getByRole('row', { name: /radiator-v1/ })
        .getByText('110')
        .waitFor();
      await page.getByRole('button', { name: 'Create', exact: true }).click();
      await page.getByRole('textbox', { name: 'Name' }).fill('not a name');
      await page.getByRole('button', { name: 'Create', exact: true }).last().click();
      await page.getByText('name must match').first().waitFor();
      await page.getByRole('textbox', { name: 'Name' }).fill('kettle');
      await page.getByRole('button', { name: 'Create', exact: true }).last().click();
      await page.getByRole('heading', { name: 'kettle', level: 1 }).waitFor();

      // Somebody else changes another setting meanwhile.
      await page.getByRole('button', { name: 'Change …', exact: true }).click();
      await page.getByLabel('Characters of a given token').fill('12');
      await platform.api('PATCH', '/device-types/kettle', { settings: { timestampPath: 'meta.time' } });
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      const conflict = page.getByRole('alert');
      await conflict.getByText('Somebody was faster').waitFor();
      expect(await conflict.getByRole('table').innerText()).toMatch(
        /timestampPath\s+–\s+"meta.time"\s+as theirs/,
      );
      await page.getByRole('button', { name: 'Save mine over it' }).click();
      await page.getByRole('dialog').waitFor({ state: 'hidden' });
      const { body } = await platform.api('GET', '/device-types/kettle');
      expect(body).toMatchObject({ settings: { minTokenLength: 12, timestampPath: 'meta.time' } });

      await page.getByRole('button', { name: 'Declare a key' }).click();
      await page.getByRole('textbox', { name: 'Key' }).fill('boil');
      await page.getByLabel('Schema (JSON)').fill('{"type": "boolea"}');
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      await page.getByRole('dialog').getByText(/type/).nth(1).waitFor();
      await page.getByLabel('Schema (JSON)').fill('{"type": "boolean"}');
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      await page.getByRole('button', { name: 'Default of boil …' }).click();
      await page.getByLabel('Value (JSON)').fill('true');
      await page.getByRole('button', { name: 'Set', exact: true }).click();
      await page.getByRole('row', { name: /^boil \{"type":"boolean"\} true/ }).waitFor();

      await page.getByRole('button', { name: 'Add a version' }).click();
      await page.getByRole('textbox', { name: 'Name' }).fill('kettle-v2');
      await page.getByRole('button', { name: 'Add', exact: true }).click();
      await page.getByRole('cell', { name: 'kettle-v2', exact: true }).waitFor();
      await page.getByRole('button', { name: 'Create the first one' }).click();
      await page.getByRole('textbox', { name: 'Name' }).fill('main');
      await page.getByRole('button', { name: 'Create', exact: true }).click();
      await page.getByRole('cell', { name: /^main/ }).waitFor();
      await page.getByRole('button', { name: 'Delete main …' }).click();
      await page.getByLabel('Type main to confirm').fill('main');
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
      await page.getByText('are offered no software').waitFor();

      await page.getByRole('button', { name: 'Delete kettle …' }).click();
      await page.getByLabel('Type kettle to confirm').fill('kettle');
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
      await page.getByRole('heading', { name: 'Device types' }).waitFor();
      expect((await platform.api('GET', '/device-types/kettle')).status).toBe(404);
    });

    it('whose default reaches many is changed after their number was typed, in a job', async () => {
      const page = await running.open(`/types/${TYPE}`);
      await page.getByRole('button', { name: 'Set a default' }).click();
      await page.getByRole('textbox', { name: 'Key' }).fill('report');
      await page.getByLabel('Value (JSON)').fill('600');
      const set = page.getByRole('button', { name: 'Set', exact: true });
      expect(await set.isDisabled()).toBe(true);
      await page.getByLabel('Type 110 to confirm').fill('110');
      await set.click();
      await page.getByText(/The default is given to devices: 110 of 110/).waitFor();
      const path = `/devices/${idOf('radiator-008')}/configuration`;
      const { body } = await running.platform.api('GET', path);
      expect(body).toMatchObject({ keys: { report: { desired: 600, origin: 'device-type' } } });
      // So that nothing else of this run meets it.
      await running.platform.api('PUT', `/device-types/${TYPE}/configuration/defaults`, {});
      await eventually(
        async () => {
          const after = await running.platform.api('GET', path);
          return (after.body as { keys: Record<string, unknown> }).keys['report'] === undefined;
        },
        { what: 'the default is taken back', deadlineMs: 30_000 },
      );
    });
  });

  describe('an import', () => {
    const csv = (name: string, text: string) => ({ name, mimeType: 'text/csv', buffer: Buffer.from(text) });

    it('is tried first, then done, and shows what became of each row', async () => {
      const { platform, open } = running;
      await platform.api('POST', '/device-types', { name: 'pump' });
      const page = await open('/imports');
      const file = page.locator('input[type="file"]');
      await file.setInputFiles(csv('broken.csv', 'name,colour\na,red\n'));
      await page.getByRole('button', { name: 'Try it first' }).click();
      await page
        .getByRole('alert')
        .getByText(/colour/)
        .first()
        .waitFor();
      await file.setInputFiles(
        csv(`${MARKUP}.csv`, 'name,deviceType\nimported-1,pump\nimported-2,pump\n<b>bold</b>,nobody\n'),
      );
      await page.getByRole('button', { name: 'Try it first' }).click();
      await page.getByText('Nothing was done yet').waitFor();
      await page.getByText('2 would be created').waitFor();
      const before = await platform.api('GET', '/devices?filter=name==imported-*&count=true');
      expect(before.body).toMatchObject({ total: 0 });
      await page.getByRole('button', { name: 'Import …' }).click();
      await page.getByRole('dialog').getByText('2 devices').waitFor();
      await page.getByRole('dialog').getByText(`Import ${MARKUP}.csv`).waitFor();
      await page.getByRole('button', { name: 'Import 3 rows' }).click();

      await page.getByRole('heading', { name: 'Import of devices' }).waitFor();
      await page.getByRole('button', { name: '2 created' }).waitFor();
      await page.getByRole('button', { name: '1 failed' }).click();
      await page.getByRole('row', { name: /<b>bold<\/b>/ }).waitFor();
      expect(new URL(page.url()).searchParams.get('outcome')).toBe('failed');
      const download = page.waitForEvent('download');
      await page.getByRole('link', { name: 'what failed as a file' }).click();
      expect((await download).suggestedFilename()).toMatch(/\.csv$/);
      await page.getByRole('button', { name: 'Delete …' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
      // What was tried is still there.
      await page.getByRole('heading', { name: 'Imports' }).waitFor();
      await page.getByRole('row', { name: /dry run/ }).waitFor();
    });
  });

  describe('a parked message', () => {
    it('is counted on the start page, shown as text, tried again, and dropped', async () => {
      const { platform, open } = running;
      await park(platform, 'parked-1', { name: MARKUP });
      const page = await open('/');
      await page.getByRole('link', { name: '1 message could not be processed' }).click();
      await page.getByText('of a spec').waitFor();
      await page.getByLabel('Filter parked messages').fill('consumer=nothing');
      await page.getByRole('button', { name: 'Apply' }).click();
      await page.getByText(/position \d+/).waitFor();
      await page.getByRole('button', { name: 'Clear' }).click();
      await page.getByRole('link', { name: 'configuration-known-devices' }).click();
      await page.getByText(MARKUP).waitFor();
      await page.getByRole('button', { name: 'Replay' }).click();
      await page
        .getByRole('alert')
        .getByText(/It failed again/)
        .waitFor();
      await page.goBack();
      await page.getByRole('button', { name: 'Replay all that match …' }).click();
      await page.getByRole('button', { name: 'Replay 1' }).click();
      await page.getByText('0 replayed, 1 failed again.').waitFor();
      await page.getByRole('dialog').getByRole('link').click();
      await page.getByRole('button', { name: 'Drop …' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Drop' }).click();
      await page.getByRole('dialog').waitFor({ state: 'hidden' });
      await page.locator('.page-header').getByText('dropped').waitFor();
      const { body } = await platform.api('GET', '/parked/parked-1');
      expect(body).toMatchObject({ state: 'dropped', tries: 3 });
      // For every page, below.
      await park(platform, 'parked-2', { name: MARKUP });
    });
  });

  describe('a campaign', () => {
    it('is prepared, launched with its number, released by hand, stopped by its gate, and tried again', async () => {
      const { platform, open } = running;
      const page = await open('/campaigns/new');
      await page.getByLabel('Name').fill('Evening');
      await page.getByLabel('Devices of the campaign').fill(`deviceType==${TYPE}`);
      const save = page.getByRole('button', { name: 'Save as a draft and go on' });
      await page.getByLabel('Values to write').fill('{"mode": "eco"}');
      // A filter that is written and not applied must not mean all devices.
      await page.getByText('The filter is not applied yet').waitFor();
      expect(await save.isDisabled()).toBe(true);
      await page.getByLabel('Devices of the campaign').press('Enter');
      await page.getByText('110 match now').waitFor();
      await save.click();

      const first = page.getByRole('group', { name: 'Batch 1' });
      await first.getByRole('combobox', { name: 'Devices', exact: true }).click();
      await page.getByRole('option', { name: 'so many' }).click();
      await first.getByLabel('How many').fill('2');
      await first.getByLabel('An operator releases it').check();
      const failed = first.getByLabel('Failed at most (%)');
      await failed.fill('');
      await failed.pressSequentially('0.05');
      expect(await failed.inputValue()).toBe('0.05');
      await first.getByLabel('Of so many settled').fill('1');
      // What the platform refuses is said at its field.
      await page.getByLabel('Everything ends').fill('2020-01-01T00:00');
      await page.getByLabel('Only in some hours').check();
      await page.getByLabel('From').fill('08:00');
      await page.getByLabel(/^To\W*$/).fill('08:00');
      await page.getByRole('button', { name: 'Save and review' }).click();
      await page.locator('.mantine-InputWrapper-error').first().waitFor();
      await page.getByLabel('Everything ends').fill('');
      await page.getByLabel('Only in some hours').uncheck();
      // What is typed is not left by mistake, and not lost when somebody else saves.
      await page.getByRole('link', { name: '1. Devices and values' }).click();
      await page.getByRole('dialog').getByText('Leave without saving?').waitFor();
      await page.getByRole('dialog').getByRole('button', { name: 'Back' }).click();
      const id = new URL(page.url()).pathname.split('/')[2] ?? '';
      const theirs = await platform.api('PATCH', `/campaigns/${id}`, { name: 'Night' });
      expect(theirs.status).toBe(200);
      await page.getByRole('button', { name: 'Save and review' }).click();
      await page.getByText('Somebody was faster').waitFor();
      await page.getByRole('heading', { name: 'Night' }).waitFor();
      expect(await failed.inputValue()).toBe('0.05');
      await page.getByRole('button', { name: 'Save mine over it' }).click();

      await page.getByRole('button', { name: 'Launch …' }).click();
      await page.getByLabel('Type 110 to confirm').fill('110');
      await page.getByRole('button', { name: 'Launch for 110' }).click();
      // Somebody else releases it while it is asked about here: the question does not become one about the next batch.
      await page.getByRole('button', { name: 'Release batch 1 (2)' }).click();
      await platform.api('POST', `/campaigns/${id}/batches/1/release`);
      await page.getByText('The campaign has moved on since this was opened').waitFor();
      expect(await page.getByRole('button', { name: 'Release', exact: true }).isDisabled()).toBe(true);
      await page.getByRole('button', { name: 'Back' }).click();
      const targets = await eventually(
        async () => {
          const { body } = await platform.api('GET', `/campaigns/${id}/targets?batch=1`);
          const { items } = body as { items: { name: string; deviceId: string; status: string }[] };
          return items.length === 2 && items.every(({ status }) => status === 'written') && items;
        },
        { what: 'the first batch is written', deadlineMs: 30_000 },
      );
      await apply(platform, TYPE, targets[0]?.name ?? '', [422, `too cold for it ${MARKUP}`]);
      await page.getByText(/^Paused .* by its gate/).waitFor();
      // The reason, with what its devices say.
      await page.getByRole('cell', { name: /status-422\s*too cold for it/ }).waitFor();
      await page.getByRole('button', { name: /^1\s+failed/ }).click();
      await page.getByRole('cell', { name: /too cold for it.* says the device/ }).waitFor();
      expect(new URL(page.url()).searchParams.get('status')).toBe('failed');
      // The line of the reason leads to exactly its devices.
      await page
        .getByRole('row', { name: /status-422/ })
        .getByRole('link', { name: '1' })
        .click();
      await page.getByRole('button', { name: /status-422/ }).waitFor();
      await page.getByText('1 device', { exact: true }).waitFor();
      expect(Object.fromEntries(new URL(page.url()).searchParams)).toEqual({
        ...{ status: 'failed', reason: 'status-422', origin: 'device' },
      });
      await page.getByText(/It paused itself/).waitFor();
      // 108 devices of the second batch were never touched.
      await page.getByText('108 not written yet', { exact: true }).waitFor();

      await page.getByRole('button', { name: 'More acts' }).click();
      await page.getByRole('menuitem', { name: 'Cancel …' }).click();
      await page.getByLabel('are given up too (force)').check();
      await page.getByLabel('Type force to confirm').fill('force');
      await page.getByRole('button', { name: 'Cancel the campaign' }).click();
      // Of one device alone, or of a few that are picked.
      await page.getByRole('checkbox', { name: `Pick ${targets[0]?.name ?? ''}` }).check();
      await page.getByRole('button', { name: 'Retry the 1 picked …' }).click();
      await page.getByText('1 device matches now').waitFor();
      const retry = new URL(page.url()).pathname.split('/')[2] ?? '';
      const { body: draft } = await platform.api('GET', `/campaigns/${retry}`);
      expect(draft).toMatchObject({
        target: { deviceIds: [targets[0]?.deviceId] },
        configurations: { mode: 'eco' },
      });
      await page.goBack();
      await page.getByRole('button', { name: 'Retry the 1 failed …' }).click();
      await page.getByText('1 device matches now').waitFor();
    });

    it('that somebody else deletes while it is prepared is not lost: it can be saved as a new draft', async () => {
      const { platform, open } = running;
      const { body: made } = await platform.api('POST', '/campaigns', {
        ...{ name: 'deleted by another', target: { filter: `deviceType==${TYPE}` } },
        ...{ configurations: { mode: 'night' }, batches: [{ count: 5 }, { percent: 100 }] },
      });
      const { id } = made as { id: string };
      const page = await open(`/campaigns/${id}/edit/batches`);
      await page.getByLabel('Devices a minute').fill('77');
      await platform.api('DELETE', `/campaigns/${id}`);
      await page.getByText('It is not there any more').first().waitFor();
      await page.getByRole('button', { name: 'Save and review' }).click();
      await page.getByText('Somebody has deleted the draft').waitFor();
      await page.getByRole('button', { name: 'Save as a new draft' }).click();
      await page.getByText('77 a minute').waitFor();
      const anew = new URL(page.url()).pathname.split('/')[2] ?? '';
      expect(anew).not.toBe(id);
      const { body: draft } = await platform.api('GET', `/campaigns/${anew}`);
      expect(draft).toMatchObject({
        ...{ name: 'deleted by another', status: 'draft', ratePerMinute: 77 },
        ...{ configurations: { mode: 'night' }, batches: [{ count: 5 }, { percent: 100 }] },
      });
    });
  });

  describe('access', () => {
    /** What the page and the browser's stores hold. */
    const held = (page: Page): Promise<string> =>
      page.evaluate(() =>
        JSON.stringify([document.documentElement.outerHTML, { ...localStorage }, { ...sessionStorage }]),
      );

    it('is given to an authority by the commands that the page shows, with a rule for unknown devices', async () => {
      const authority = await makeAuthority('spec factory');
      const page = await running.open('/access/certificate-authorities');
      await page.getByRole('button', { name: 'Add the first one' }).click();
      await page.getByLabel('Name').fill('factory');
      await page.getByLabel('Its certificate (PEM)').fill('no certificate');
      const add = page.getByRole('button', { name: 'Add, and show its key next' });
      await add.click();
      await page.getByRole('alert').waitFor();
      await page.getByLabel('Its certificate (PEM)').fill(authority.pem);
      await add.click();
      const proof = page.getByLabel('Paste what the last command has printed');
      await proof.fill(authority.pem);
      await page.getByRole('button', { name: 'Verify', exact: true }).click();
      await page.getByText("must be the authority's verificationCode").first().waitFor();
      await proof.fill(await authority.obey(await page.locator('.copy-text').last().innerText()));
      await page.getByRole('button', { name: 'Verify', exact: true }).click();
      await page.getByRole('button', { name: 'Edit … factory' }).click();
      await page.getByLabel('There is a rule for devices that are not known yet').check();
      await page.getByRole('combobox', { name: 'Device type' }).click();
      await page.getByRole('option', { name: TYPE }).click();
      await page.getByLabel('Folder').fill('no path');
      await page.getByLabel('At most so many').fill('5');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('must be a path such as').first().waitFor();
      await page.getByLabel('Folder').fill('/new');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('in /new: 0 of 5').waitFor();
      await authority.remove();
    });

    it('is given by a claim key, which is shown once, until it is used up', async () => {
      const { platform } = running;
      await platform.api('POST', '/device-types', {
        name: 'claimed',
        settings: { enrolmentNeedsApproval: true },
      });
      const page = await running.open('/access/claim-keys');
      await page.getByRole('button', { name: 'Issue a claim key' }).click();
      await page.getByLabel('Name').fill('line');
      await page.getByRole('combobox', { name: 'Device type' }).click();
      await page.getByRole('option', { name: 'claimed' }).click();
      await page.getByRole('button', { name: 'Issue', exact: true }).click();
      const claimKey = await page.locator('.copy-text').innerText();
      await page.getByRole('button', { name: 'Close, I have it' }).click();
      expect(await held(page)).not.toContain(claimKey);
      const enrolled = await fetch(`${platform.devicesUrl}/kp1/enrol`, {
        method: 'POST',
        body: JSON.stringify({ claimKey, name: 'claimed-1' }),
      });
      expect([enrolled.status, await enrolled.json()]).toMatchObject([200, { status: 'pending' }]);
      await page.reload();
      await page.getByText('used up').waitFor();
      await page.getByRole('link', { name: '1 device waits for an approval' }).waitFor();
      await page.getByRole('button', { name: 'More acts: line' }).click();
      await page.getByRole('menuitem', { name: 'Delete …' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
      await page.getByRole('row', { name: /^line/ }).waitFor({ state: 'detached' });
    });

    it('of a device is by tokens and credentials, which are issued, taken back and replaced', async () => {
      const page = await running.open(`/devices/${idOf('radiator-008')}/connectivity`);
      await page.getByRole('button', { name: 'New token …' }).click();
      await page.getByLabel('Text').fill('no token');
      await page.getByRole('button', { name: 'Issue', exact: true }).click();
      await page.getByRole('alert').waitFor();
      await page.getByLabel('Text').fill('second-token');
      await page.getByRole('button', { name: 'Issue', exact: true }).click();
      await page.getByText('second-token').waitFor();
      await page.getByRole('button', { name: 'Close, I have it' }).click();
      expect(await held(page)).not.toContain('second-token');
      const token = page.getByRole('region', { name: 'Endpoint tokens' }).getByRole('row', { name: /seco/ });
      // A slip of the hand with what lets a device in, or ends its connection, is asked about.
      const dialog = page.getByRole('dialog');
      await token.getByRole('button', { name: /^Activate/ }).click();
      await dialog.getByRole('button', { name: 'Activate', exact: true }).click();
      await token.getByRole('button', { name: /^Suspend/ }).click();
      await dialog.getByText('The device is disconnected at once').waitFor();
      expect(await token.getByText('suspended').count()).toBe(0);
      await dialog.getByRole('button', { name: 'Suspend', exact: true }).click();
      await token.getByText('suspended').waitFor();
      await token.getByRole('button', { name: /^More acts/ }).click();
      await page.getByRole('menuitem', { name: 'Revoke …' }).click();
      await page.getByRole('button', { name: 'Revoke', exact: true }).click();
      await token.getByRole('button', { name: /off the list$/ }).click();
      await page.getByRole('button', { name: 'Take it off' }).click();
      await token.waitFor({ state: 'detached' });

      await page.getByRole('button', { name: /^More acts: secret/ }).click();
      await page.getByRole('menuitem', { name: 'Issue another in its place …' }).click();
      await page.getByRole('button', { name: 'Issue', exact: true }).click();
      await page.getByText('Copy it now').waitFor();
      await page.getByRole('button', { name: 'Close, I have it' }).click();
      await page.getByRole('button', { name: 'More acts', exact: true }).click();
      await page.getByRole('menuitem', { name: 'Suspend …' }).click();
      // Somebody else does it while it is asked about here: there is nothing to suspend any more.
      const path = `/devices/${idOf('radiator-008')}`;
      await running.platform.api('PATCH', path, { status: 'suspended' });
      await dialog.getByText('Somebody else has changed it meanwhile: it is suspended.').waitFor();
      expect(await dialog.getByRole('button', { name: 'Suspend', exact: true }).isDisabled()).toBe(true);
      await dialog.getByRole('button', { name: 'Back' }).click();
      await page.getByRole('button', { name: 'More acts', exact: true }).click();
      await page.getByRole('menuitem', { name: 'Let it connect again …' }).click();
      await dialog.getByRole('button', { name: 'Let it connect again' }).click();
      await page.locator('.page-header').getByText('suspended').waitFor({ state: 'detached' });
      const credentials = page.getByRole('region', { name: 'Credentials' });
      await credentials
        .getByRole('row', { name: /^secret/ })
        .nth(1)
        .waitFor();
      expect(await credentials.getByRole('row', { name: /^secret/ }).count()).toBe(2);
    });

    it('to events is by an integration, whose credentials are shown once', async () => {
      const { platform } = running;
      const page = await running.open('/settings');
      await page.getByRole('button', { name: 'Add an integration' }).click();
      await page.getByLabel('Name').fill('warehouse');
      await page.getByRole('combobox', { name: 'Reads the events of' }).fill('nobody');
      await page.keyboard.press('Enter');
      await page.getByRole('button', { name: 'Add', exact: true }).click();
      await page
        .getByText(/each must be one of/)
        .first()
        .waitFor();
      await page.getByRole('combobox', { name: 'Reads the events of' }).press('Backspace');
      await page.getByRole('button', { name: 'Add', exact: true }).click();
      await page.getByText(`nats --server ${platform.nats.url} --creds warehouse.creds sub`).waitFor();
      expect(await page.getByRole('dialog').innerText()).toContain('BEGIN USER NKEY SEED');
      expect(await axe(page)).toEqual([]);
      await page.getByRole('button', { name: 'Close, I have it' }).click();
      expect(await held(page)).not.toContain('NKEY');
      await page.getByRole('link', { name: 'warehouse' }).click();
      await page.getByRole('row', { name: /^configuration/ }).waitFor();
      await page.getByRole('button', { name: 'New credentials …' }).click();
      await page.getByRole('button', { name: 'Revoke and issue' }).click();
      await page.getByText('Copy it now').waitFor();
    });
  });

  describe('a supervision', () => {
    it('is opened without a campaign, says what devices report, and is renamed', async () => {
      const { open } = running;
      const page = await open('/supervisions/new');
      await page.getByLabel('Name').fill('Setpoints');
      await page.getByLabel('Devices to watch').fill('name==radiator-00*');
      await page.getByLabel('Devices to watch').press('Enter');
      await page.getByText('9 match now').waitFor();
      await page.getByLabel('What devices must report').fill('{"setpoint": 19}');
      await page.getByRole('button', { name: 'Watch them' }).click();
      await page.getByRole('row', { name: /setpoint.*19.*as it should be/ }).waitFor();
      await page.getByRole('button', { name: 'Rename …' }).click();
      await page.getByRole('textbox', { name: 'Name' }).fill('Setpoints, winter');
      await page.getByRole('button', { name: 'Rename', exact: true }).click();
      await page.getByRole('heading', { name: 'Setpoints, winter' }).waitFor();

      // One that is not as it should be is given what it lacks by a campaign of its own.
      const target = { deviceIds: [idOf('radiator-011')] };
      const changed = await running.platform.api(
        'PATCH',
        `/devices/${idOf('radiator-011')}/configuration/desired`,
        { door: 'open' },
      );
      expect([changed.status, changed.body]).toEqual([200, changed.body]);
      const { body } = await running.platform.api('POST', '/supervisions', {
        ...{ name: 'Doors', target, configurations: { door: 'shut' } },
      });
      const { id } = body as { id: string };
      await eventually(
        async () => {
          const { body: found } = await running.platform.api('GET', `/supervisions/${id}`);
          expect(found).toMatchObject({ status: 'open', total: 1, verdicts: { invalid: 1 } });
          return true;
        },
        { what: 'the device is judged', deadlineMs: 40_000 },
      );
      await page.goto(`${running.platform.url}/supervisions/${id}`);
      await page.getByRole('button', { name: 'Campaign for the 1 invalid …' }).click();
      await page.getByText('1 named').waitFor();
      expect(await page.getByLabel('Values to write').inputValue()).toContain('"door": "shut"');
    });
  });

  describe('a firmware', () => {
    it('is uploaded, with how much of it is sent, and what is wrong is told beside it', async () => {
      const { platform, open } = running;
      const made = await platform.api('POST', `/device-types/${TYPE}/firmware-types`, {
        ...{ name: 'radio', versionKey: 'version', urlKey: 'url', tokenKey: 'token' },
      });
      expect([made.status, made.body]).toEqual([201, made.body]);
      const page = await open('/firmware');
      await page.getByRole('button', { name: 'Upload' }).first().click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('combobox', { name: 'Firmware type' }).click();
      await page.getByRole('option', { name: `radio (of ${TYPE})` }).click();
      await dialog.getByRole('textbox', { name: 'Version' }).fill('2'.repeat(300));
      await dialog.locator('input[type=file]').setInputFiles({
        name: 'two.bin',
        mimeType: 'application/octet-stream',
        buffer: Buffer.alloc(9_000),
      });
      let send = (): void => undefined;
      const told = new Promise<void>((resolve) => (send = resolve));
      await page.route('**/api/v1/firmwares', async (route) => {
        if (route.request().method() === 'POST') await told;
        await route.continue();
      });
      await dialog.getByRole('button', { name: 'Upload', exact: true }).click();
      await dialog.getByText(/^Sending /).waitFor();
      send();
      await dialog
        .getByText(/^version must/)
        .first()
        .waitFor();
      await dialog.getByRole('textbox', { name: 'Version' }).fill('2.0');
      await dialog.getByRole('button', { name: 'Upload', exact: true }).click();
      await dialog.waitFor({ state: 'hidden' });
      await page.getByRole('row', { name: /2\.0/ }).first().waitFor();
      running.faults();
    });
  });

  describe('an IoT Hub', () => {
    it('is added after it was tried out, tells what differs, and takes unknown devices in', async () => {
      const { platform, hub, open } = running;
      await platform.api('POST', '/device-types', { name: 'press' });
      const page = await open('/iot-hubs');
      await page.getByRole('button', { name: 'Add the first one' }).click();
      await page.getByRole('textbox', { name: 'Name' }).fill('factory');
      const secret = hub.simulator.connectionString();
      const given = page.getByLabel('Connection string of its policy');
      await given.fill(secret.replace(/SharedAccessKey=.*/, 'SharedAccessKey=d3Jvbmc='));
      await page.getByRole('button', { name: 'Try it out and add it' }).click();
      await page
        .getByText(/does not let us in/)
        .first()
        .waitFor();
      await given.fill(secret);
      await page.getByRole('button', { name: 'Try it out and add it' }).click();
      await page.getByRole('heading', { name: 'factory', level: 1 }).waitFor();
      expect(await page.content()).not.toContain(secret);
      // Right after it was added nobody may be listening yet when the hub tells of the check: the next one is told of.
      const check = page.getByRole('region', { name: 'Does it work?' });
      await eventually(
        async () => {
          await check.getByRole('button', { name: 'Check it now' }).click();
          await check.locator('[role="status"], [role="alert"]').first().waitFor({ timeout: 70_000 });
          return (
            (await check.getByText('It works.').isVisible()) ||
            Promise.reject(new Error(await check.innerText()))
          );
        },
        { what: 'a check of the hub is told of', deadlineMs: 120_000 },
      );
      await page
        .getByRole('row', { name: /DeviceLifecycleEvents/ })
        .getByText('works')
        .waitFor();

      // One that somebody else has made there.
      hub.simulator.createDevice('stranger-1');
      await page.getByRole('button', { name: 'Reconcile …' }).click();
      await page.getByRole('button', { name: 'Look', exact: true }).click();
      const stranger = page.getByRole('row', { name: /^stranger-1/ });
      await stranger.getByText('nothing yet').waitFor();
      await page.getByText(/Reconciliation, of what differs: 1 of 1/).waitFor();
      await page.getByRole('button', { name: 'Reconcile …' }).click();
      await page.getByLabel('Mend what is ours, and remove unknown ones').check();
      expect(await page.getByRole('button', { name: 'Reconcile', exact: true }).isDisabled()).toBe(true);
      await page.getByLabel('Mend what is ours, and take unknown ones in').check();
      await page.getByRole('combobox', { name: 'Device type' }).click();
      await page.getByRole('option', { name: 'press' }).click();
      await page.getByRole('button', { name: 'Reconcile', exact: true }).click();
      await stranger.getByText('taken in').waitFor();
      await page.getByText('works', { exact: true }).first().waitFor();
      await stranger.getByRole('link', { name: 'find it' }).click();
      await page.getByText('1 match').waitFor();
    }, 240_000);

    it('is edited upon what was seen, with a rule for unknown devices', async () => {
      const { platform, open } = running;
      const page = await open('/iot-hubs');
      await page.getByRole('link', { name: 'factory' }).click();
      await page.getByRole('button', { name: 'Edit …' }).click();
      await page.getByLabel('Units').fill('2');
      await page.getByLabel('Devices that others make in the hub become devices here').check();
      await page.getByRole('combobox', { name: 'Device type', exact: true }).click();
      await page.getByRole('option', { name: 'press' }).click();
      await page.getByLabel('At most so many').fill('7');
      const id = new URL(page.url()).pathname.split('/')[2] ?? '';
      const theirs = await platform.api('PATCH', `/iot-hubs/${id}`, { tier: 'S2' });
      expect(theirs.status).toBe(200);
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      const conflict = page.getByRole('alert');
      await conflict.getByText('Somebody was faster').waitFor();
      expect(await conflict.getByRole('table').innerText()).toMatch(/tier\s+"S1"\s+"S2"\s+as theirs/);
      await page.getByRole('button', { name: 'Save mine over it' }).click();
      await page.getByText('enrol', { exact: true }).waitFor();
      const { body } = await platform.api('GET', `/iot-hubs/${id}`);
      expect(body).toMatchObject({ units: 2, tier: 'S2', enrolment: { enabled: true, limit: 7 } });
    });

    it('has devices, whose page says whether they are there, and what others have changed', async () => {
      const { hub, open } = running;
      const page = await open('/devices');
      await page.getByRole('button', { name: 'Create', exact: true }).click();
      await page.getByRole('textbox', { name: 'Name' }).fill('press-1');
      await page.getByRole('combobox', { name: 'Device type' }).click();
      await page.getByRole('option', { name: 'press' }).click();
      await page.getByRole('combobox', { name: 'Speaks' }).click();
      await page.getByRole('option', { name: 'IoT Hub' }).click();
      await page.getByLabel('Endpoint token').fill('press-1-token');
      await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click();
      await page.getByRole('link', { name: 'Open the device' }).click();
      const inHub = page.getByRole('region', { name: 'In its IoT Hub' });
      await inHub.getByText('as it is set here').waitFor();
      await inHub.getByRole('button', { name: 'What it connects with …' }).click();
      await page.getByRole('button', { name: 'Show it' }).click();
      const shown = page.locator('.copy-text');
      await shown.waitFor();
      const secret = await shown.innerText();
      expect(secret).toBe(hub.simulator.deviceConnectionString('press-1-token'));
      await page.getByRole('button', { name: 'Close, I have it' }).click();
      expect(await page.content()).not.toContain(secret);
      await hub.changeTwin('press-1-token', { theirs: 1 });
      await inHub.getByText('It is theirs, and stays.').waitFor();
    });
  });

  describe('the audit trail', () => {
    it('says who did what, is narrowed by a click, and leads to the thing', async () => {
      const id = idOf('radiator-014');
      const { status } = await running.platform.api('PATCH', `/devices/${id}`, { serialNumber: 'S-14' });
      expect(status).toBe(200);
      const page = await running.open('/audit');
      const row = page.getByRole('row', { name: /device serial number changed/ });
      await row.getByRole('button', { name: 'device serial number changed' }).click();
      await page.getByRole('row').nth(1).getByText('radiator-014').waitFor();
      expect(new URL(page.url()).searchParams.get('filter')).toBe('action==DeviceSerialNumberChanged');
      await page.getByRole('textbox', { name: 'Filter' }).fill('who==anna');
      await page.getByRole('button', { name: 'Apply' }).click();
      await page
        .getByText(/position 1/)
        .first()
        .waitFor();
      await page.getByRole('textbox', { name: 'Filter' }).fill('actor==nobody');
      await page.getByRole('button', { name: 'Apply' }).click();
      await page.getByText('Nobody did anything that matches').waitFor();
      await page.goto(`${running.platform.url}/devices/${id}/history`);
      await page.getByRole('link', { name: 'Who did what to it' }).click();
      await page.getByRole('link', { name: 'radiator-014' }).first().click();
      await page.getByRole('heading', { name: 'radiator-014' }).waitFor();
    });
  });

  describe('every page', () => {
    describe('looked at', () => {
      let things: Things;
      /** Two tabs for all pages, side by side: one that looks, one of somebody who may only read. Their files are loaded once. */
      let looking: Page;
      let reading: Page;
      const sent: string[] = [];
      beforeAll(async () => {
        things = await thingsOf(running.platform, marked);
        looking = await running.open('/', { reducedMotion: 'reduce' });
        reading = await running.open('/', {}, (page) => {
          page.on('request', (request) => {
            if (request.method() !== 'GET') sent.push(`${request.method()} ${request.url()}`);
          });
          return mayOnlyRead(page);
        });
        lasting.push(looking.context(), reading.context());
      });
      afterAll(async () => {
        await Promise.all(lasting.splice(0).map((context) => context.close()));
      });
      const pages = Object.entries(PAGES).map(([name, page]) => ({ name, ...page }));

      /** Nothing for axe, light, dark and narrow, never sideways, and no markup drawn. */
      const wellMade = async (path: string, showsMarkup: boolean): Promise<readonly string[]> => {
        const found: string[] = [];
        const look = async (how: string, only?: 'color-contrast'): Promise<void> => {
          for (const fault of await axe(looking, only)) found.push(`${how}: ${fault}`);
          const sideways = await looking.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          if (sideways > 0) found.push(`${how}: ${sideways} px too wide`);
        };
        await looking.emulateMedia({ colorScheme: 'light' });
        await looking.setViewportSize({ width: 1280, height: 900 });
        await looking.goto(running.platform.url + path);
        await settled(looking);
        if (showsMarkup) await looking.locator('#page').getByText(MARKUP).first().waitFor();
        // Its script would fail on the console besides.
        if ((await looking.locator('img').count()) > 0) found.push('markup was drawn');
        await look('light');
        await looking.emulateMedia({ colorScheme: 'dark' });
        await looking.locator('html[data-mantine-color-scheme="dark"]').waitFor();
        // The same page in other colours.
        await look('dark', 'color-contrast');
        await looking.setViewportSize({ width: 360, height: 740 });
        await look('narrow');
        return found;
      };

      /** No act that can be pressed, and at each which right is missing. */
      const onlyRead = async (path: string): Promise<readonly string[]> => {
        sent.length = 0;
        await reading.goto(running.platform.url + path);
        await settled(reading);
        const acts = await actsOffered(reading);
        return [...acts, ...sent.filter((request) => !request.endsWith('/preview'))];
      };

      it.each(pages)(
        'is well made for axe, light, dark and narrow, draws no markup, and offers no act to who may only read: $name',
        async ({ path, showsMarkup = false }) => {
          const [faults, acts] = await Promise.all([
            wellMade(path(things), showsMarkup),
            onlyRead(path({ ...things, device: idOf('radiator-002') })),
          ]);
          expect({ faults, acts }).toEqual({ faults: [], acts: [] });
        },
      );
    });

    it('lists its keys, and finds devices by their name', async () => {
      const page = await running.open('/');
      await page.getByRole('heading', { name: 'Start' }).waitFor();
      await page.keyboard.press('?');
      await page.getByRole('dialog', { name: 'Keys' }).getByText('Go to the filter').waitFor();
      await page.keyboard.press('Control+k');
      expect(await page.getByRole('dialog').count()).toBe(1);
      await page.keyboard.press('Escape');
      await page.keyboard.press('Control+k');
      await page.getByRole('combobox', { name: 'Page, device or campaign' }).fill('radiator-07');
      await page.getByRole('option', { name: /radiator-070/ }).waitFor();
      expect(await axe(page)).toEqual([]);
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'radiator-070' }).waitFor();
    });

    it('that breaks says so, and the others go on', async () => {
      const page = await running.open('/');
      await page.route('**/assets/jobs.page-*.js', (route) => route.abort());
      await page.getByRole('link', { name: 'Jobs' }).click();
      await page.getByRole('heading', { name: 'This page broke' }).waitFor();
      await page.getByRole('link', { name: 'Devices' }).click();
      await page.getByRole('heading', { name: 'Devices' }).waitFor();
      running.faults(); // React says on the console what broke
    });

    it('that throws while it is drawn says so, and is drawn again once it can be', async () => {
      const page = await running.open('/');
      await page.route('**/api/v1/jobs?*', (route) =>
        route.fulfill({ json: { items: [null], nextCursor: null } }),
      );
      await page.getByRole('link', { name: 'Jobs' }).click();
      await page.getByRole('heading', { name: 'This page broke' }).waitFor();
      await page.getByRole('link', { name: 'Devices' }).click();
      await page.getByRole('heading', { name: 'Devices' }).waitFor();
      await page.unroute('**/api/v1/jobs?*');
      await page.goto(`${running.platform.url}/jobs`);
      await page.getByRole('heading', { name: 'Jobs' }).waitFor();
      running.faults(); // React says on the console what broke
    });

    it('does not say that nothing waits for anybody where that could not be looked at', async () => {
      const refused = { code: 'forbidden', title: 'Forbidden', status: 403, detail: 'The right is missing.' };
      const page = await running.open('/', {}, (opened) =>
        opened.route('**/api/v1/parked?*', (route) => route.fulfill({ status: 403, json: refused })),
      );
      await page.getByText('Not known now: parked messages.').waitFor();
      await page.getByText('The right is missing.').waitFor();
      expect(await page.getByText('Nothing waits for you.').count()).toBe(0);
      running.faults(); // the browser says that something was refused
    });

    it('keeps what was read while the platform is away, and says since when', async () => {
      const page = await running.open(`/devices/${idOf('radiator-005')}`);
      await page.getByText('no configuration').waitFor();
      await page.getByText('live', { exact: true }).waitFor();
      await page.context().setOffline(true);
      await running.platform.api('PATCH', `/devices/${idOf('radiator-005')}/configuration/desired`, { a: 1 });
      await page.context().setOffline(false);
      await page.getByRole('row', { name: /^a 1/ }).waitFor();
      await page.route('**/api/v1/devices/**', (route) => route.abort());
      await running.platform.api('PATCH', `/devices/${idOf('radiator-005')}/configuration/desired`, { a: 2 });
      await page.getByText('This may be old').first().waitFor();
      await page
        .getByText(/^Last read/)
        .first()
        .waitFor();
      await page.getByRole('row', { name: /^a 1/ }).waitFor();
      running.faults();
    });

    it('shares one stream with the other tabs, and another tab takes over when it is closed', async () => {
      const path = `/devices/${idOf('radiator-006')}`;
      const first = await running.open(path);
      await first.getByText('live', { exact: true }).waitFor();
      const second = await first.context().newPage();
      let streams = 0;
      second.on('request', (request) => {
        if (request.url().includes('/api/v1/stream')) streams += 1;
      });
      await second.goto(first.url());
      await second.getByText('live', { exact: true }).waitFor();
      expect(streams).toBe(0);
      await first.close();
      // At once, before the other tab reads the stream: what comes meanwhile is not missed. And once only: the platform
      // publishes as late as the longest transaction of the whole server lets it, so one after the other would run away.
      expect(await running.platform.api('PATCH', `${path}/configuration/desired`, { b: 1 })).toMatchObject({
        status: 200,
      });
      await second.getByRole('row', { name: /^b 1/ }).waitFor();
      // A tab that comes to the front may have read the row anew before it reads the stream.
      await eventually(() => streams >= 1, { what: 'the other tab reads the stream' });
    });

    it('keeps what was typed when the session ends meanwhile, and shows nothing of it before', async () => {
      const { open, platform } = running;
      const page = await open(`/devices/${idOf('radiator-012')}`);
      await page.getByRole('button', { name: 'Set a key' }).click();
      await page.getByRole('textbox', { name: 'Key' }).fill('typed');
      await page.getByLabel('Value (JSON)').fill('"half a novel"');
      await page.context().clearCookies();
      // Something of the device is read anew, and refused.
      await platform.api('PATCH', `/devices/${idOf('radiator-012')}`, { tags: ['touched'] });
      await page.getByLabel('API key').waitFor();
      expect(await page.getByRole('heading', { name: 'radiator-012' }).isVisible()).toBe(false);
      expect(await page.getByLabel('Value (JSON)').isVisible()).toBe(false);
      expect(await axe(page)).toEqual([]);
      await page.getByLabel('API key').fill(platform.apiKey);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('button', { name: 'Set', exact: true }).click();
      await page.getByRole('row', { name: /^typed "half a novel"/ }).waitFor();
    });

    it('asks for the sign-in where an act is the first to learn that the session has ended', async () => {
      const { open, platform } = running;
      const page = await open('/campaigns/new');
      await page.getByRole('textbox', { name: 'Name' }).fill('typed before');
      await page.getByLabel(/^Every device there is/).check();
      await page.getByLabel(/^Values to write/).fill('{"mode": "night"}');
      await page.context().clearCookies();
      await page.getByRole('button', { name: 'Save as a draft and go on' }).click();
      await page.getByLabel('API key').fill(platform.apiKey);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByText('Nothing was done. Sign in, and do it again.').waitFor();
      await page.getByRole('button', { name: 'Save as a draft and go on' }).click();
      await page.getByRole('heading', { name: 'typed before' }).waitFor();
    });

    it('comes back to where it was when the session has ended', async () => {
      const page = await running.open('/devices?filter=name==radiator-007');
      await page.context().clearCookies();
      await page.reload();
      await page.getByLabel('API key').fill(running.platform.apiKey);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByText('1 match').waitFor();
    });
  });
});
