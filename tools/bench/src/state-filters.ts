import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startPrivatePlatform, type PrivatePlatform } from '@muster/launcher';
import pg from 'pg';
import { DEVICES, fillDevices } from './device-filter.js';
import { keepRaw } from './raw-results.js';
import { markdownTable, milliseconds, percentile, rate } from './statistics.js';

const REQUESTS = 20;
const FILTERS = [
  'syncState==rejected',
  'syncState!=in_sync',
  'syncState==unconfirmed',
  'reported.firmware_version==1.1',
  'reported.rack==777',
  'reported.firmware_version!=1.3',
  'desired.mode=in=(boost,off)',
  'desired.target>5',
  'deviceType==thermostat;reported.firmware_version==1.1;syncState==rejected',
  'deviceType==rare-5;desired.mode==eco',
];
/** What no index answers and few match: every device is read. */
const SCANS = ['reported.rack>19998', 'reported.nothing=exists=true'];
const OTHERS = [
  '/filters/fields',
  '/filters/values?field=reported.firmware_version',
  '/fleet/summary',
  `/fleet/summary?filter=${encodeURIComponent('syncState==rejected')}`,
];
/** Devices of the change whose events are followed. */
const CHANGED = 20_000;

/**
 * First pages of a million devices by their configuration, and how fast it is followed, over a PostgreSQL, a NATS and the services
 * of their own. The ceilings are an indexed column of the devices themselves, and what configuration publishes, in the same run.
 */
export const stateFilters = async (): Promise<string> => {
  const services = ['device-registry', 'configuration', 'campaign-orchestrator', 'gateway'];
  const platform = await startPrivatePlatform(resolve('.'), 'bench', { names: services });
  const database = new pg.Client({ connectionString: platform.databaseUrl });
  try {
    await database.connect();
    await database.query('SET search_path = device_registry');
    await fillDevices(database);
    await fillStates(database);
    const api = apiOf(platform);
    const pages = await measurePages(api);
    const followed = await measureFollowing(api, database);
    const pagesMeanwhile = followed.pages;
    const file = keepRaw('state-filters', { devices: DEVICES, requests: REQUESTS, pages, followed });
    return [
      tableOf(`${DEVICES.toLocaleString('en')} devices, first page of 50, REST`, pages),
      '',
      `A change of ${CHANGED.toLocaleString('en')} devices: configuration had published all after ` +
        `${(followed.publishedMs / 1_000).toFixed(1)} s (${rate((CHANGED / followed.publishedMs) * 1_000)}), the registry had ` +
        `followed all after ${(followed.appliedMs / 1_000).toFixed(1)} s (${rate((CHANGED / followed.appliedMs) * 1_000)}).`,
      '',
      tableOf('first page meanwhile', pagesMeanwhile),
      '',
      `Raw results: ${file}`,
    ].join('\n');
  } finally {
    await database.end();
    await platform.stop();
  }
};

/** Version 0, as if nothing had been followed yet: the first event of a device is the next one. */
const fillStates = async (database: pg.Client): Promise<void> => {
  const { rows: indexes } = await database.query<{ name: string; definition: string }>(
    `SELECT indexname AS name, indexdef AS definition FROM pg_indexes
     WHERE tablename = 'device_state' AND indexname LIKE 'device_state_by_%'`,
  );
  // Made at the end they are made in a quarter of the time.
  await database.query(`DROP INDEX ${indexes.map(({ name }) => name).join()}`);
  await database.query(
    `INSERT INTO device_state (tenant_id, device_id, version, desired, reported, config_id, sync_state, unconfirmed_at, sync_facts)
     SELECT tenant_id, id, 0, desired, reported, md5(desired::text), state, CASE WHEN state = 'dispatched' THEN
         now() + (i % 2 - 0.5) * interval '2 hours' END, '{"configId":"","dispatched":null,"confirmation":null}'
     FROM (SELECT d.tenant_id, d.id, i, jsonb_build_object('interval', i % 10 * 60, 'mode', (ARRAY['eco', 'boost', 'off'])[1 + i % 3],
             'target', i % 300 / 10.0, 'firmware_version', '1.' || i % 4) AS desired,
           jsonb_build_object('interval', i % 10 * 60, 'mode', 'eco', 'target', i % 300 / 10.0, 'rack', i % 20000,
             'firmware_version', CASE WHEN i % 100 = 1 THEN '1.1' ELSE '1.3' END, 'battery', i % 101) AS reported,
           CASE WHEN i % 1000 = 13 THEN 'rejected' WHEN i % 500 = 7 THEN 'dispatched' WHEN i % 100 = 9 THEN 'pending'
             ELSE 'in_sync' END AS state
       FROM (SELECT *, substr(serial_number, 4)::integer AS i FROM devices) d) s`,
  );
  for (const { definition } of indexes) await database.query(definition);
  await database.query(
    `INSERT INTO configuration.known_devices (tenant_id, device_id, deleted, device_type_id, app_version, version, interface, name,
       tags, folder)
     SELECT tenant_id, id, false, device_type_id, app_version, 1, interface, name, tags, folder FROM devices
     ORDER BY id LIMIT ${CHANGED}`,
  );
  await database.query('VACUUM ANALYZE');
};

export type Api = (method: string, path: string, body?: object) => Promise<Record<string, unknown>>;

export const apiOf = (platform: PrivatePlatform): Api => {
  const key = readFileSync(platform.adminApiKeyFile, 'utf8').trim();
  return async (method, path, body) => {
    const response = await fetch(`${platform.gatewayUrl}/api/v1${path}`, {
      method,
      headers: { 'x-api-key': key, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as Record<string, unknown>;
  };
};

interface Page {
  readonly what: string;
  readonly rows: number;
  readonly times: readonly number[];
}

const measure = async (api: Api, what: string, path: string, requests = REQUESTS): Promise<Page> => {
  const first = await api('GET', path);
  const rows = Array.isArray(first['items']) ? first['items'].length : 1;
  const times: number[] = [];
  for (let n = 0; n < requests; n += 1) {
    const began = performance.now();
    await api('GET', path);
    times.push(performance.now() - began);
  }
  return { what, rows, times };
};

const pathOf = (filter: string): string => `/devices?filter=${encodeURIComponent(filter)}`;

const measurePages = async (api: Api): Promise<Page[]> => {
  const pages = [
    await measure(api, 'ceiling: `deviceType==rare-5`', pathOf('deviceType==rare-5')),
    await measure(api, 'ceiling: `folder==/paris/*`', pathOf('folder==/paris/*')),
  ];
  for (const filter of FILTERS) pages.push(await measure(api, `\`${filter}\``, pathOf(filter)));
  for (const filter of SCANS) pages.push(await measure(api, `no index: \`${filter}\``, pathOf(filter), 3));
  for (const path of OTHERS) {
    const what = `\`GET ${decodeURIComponent(path)}\``;
    // On a busy machine counting a million devices may take longer than it may.
    pages.push(
      await measure(api, what, path, 3).catch(() => ({ what: `${what}: refused`, rows: 0, times: [0] })),
    );
  }
  return pages;
};

interface Following {
  readonly publishedMs: number;
  readonly appliedMs: number;
  readonly pages: readonly Page[];
}

/** One change of many devices through the configuration service, as operators make it. */
const measureFollowing = async (api: Api, database: pg.Client): Promise<Following> => {
  const { rows } = await database.query<{ id: string }>(
    `SELECT device_id AS id FROM configuration.known_devices ORDER BY device_id`,
  );
  const began = performance.now();
  await api('POST', '/configuration/bulk', {
    target: { deviceIds: rows.map(({ id }) => id) },
    desired: { bench: 1 },
  });
  const all = { published: false };
  const published = untilAll(
    database,
    `SELECT count(*) FROM configuration.events e, configuration.relay_cursor c
     WHERE e.aggregate = 'configuration' AND (e.txid, e.position) <= (c.txid, c.position)`,
  ).then(() => {
    all.published = true;
    return performance.now() - began;
  });
  const pages: Page[] = [];
  const filters = FILTERS.filter((filter) => /^syncState==rej|^reported\.firm.*==/.test(filter));
  for (const filter of filters) pages.push({ what: `\`${filter}\``, rows: 50, times: [] });
  while (!all.published) {
    for (const [nth, filter] of filters.entries()) {
      const start = performance.now();
      await api('GET', pathOf(filter));
      (pages[nth]?.times as number[] | undefined)?.push(performance.now() - start);
    }
  }
  const publishedMs = await published;
  await untilAll(database, `SELECT count(*) FROM device_state WHERE desired @> '{"bench": 1}'`);
  return { publishedMs, appliedMs: performance.now() - began, pages };
};

const untilAll = async (database: pg.Client, count: string): Promise<void> => {
  for (;;) {
    const { rows } = await database.query<{ count: string }>(count);
    if (Number(rows[0]?.count ?? 0) >= CHANGED) return;
    await pause(100);
  }
};

const tableOf = (head: string, pages: readonly Page[]): string =>
  markdownTable(
    [head, 'rows', 'p50', 'max'],
    pages.map(({ what, rows, times }) => [
      what,
      String(rows),
      milliseconds(percentile(times, 0.5)),
      milliseconds(Math.max(...times)),
    ]),
  );
