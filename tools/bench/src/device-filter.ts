import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startPrivatePlatform, type PrivatePlatform } from '@muster/launcher';
import pg from 'pg';
import { markdownTable, milliseconds, percentile } from './statistics.js';

export const DEVICES = 1_000_000;
const REQUESTS = 40;
const FILTERS = [
  'deviceType==thermostat',
  'deviceType==rare-5',
  'tags==roof',
  'tags==recall',
  'folder==/paris/*',
  'folder==/paris/building-5/*',
  'metadata.region==eu',
  'metadata.rack==777',
  'metadata.region!=eu',
  'name==device-00*',
  'serialNumber==SN-00000777',
  'connected==true',
  'lastSeenAt<2026-10-25',
  'deviceType==thermostat;tags=in=(roof,north);folder==/lyon/*;metadata.region==asia;connected==true',
  'deviceType==rare-5,tags==recall',
  'tags==zone-3;metadata.floor==3',
];
/** What no index answers: for the record, not for the goal. */
const SCANS = [
  'name==*00ff*',
  'metadata.owner==nobody*',
  'metadata.rack>19998',
  'lastSeenAt<2026-10-01',
  'deviceType==thermostat;folder==/paris/*;metadata.region==eu;connected==true',
];

/**
 * First pages of a million devices through the REST API, over a PostgreSQL, a NATS, a device-registry and a gateway of their
 * own. The ceilings are a device by its id and the first page without a filter, in the same run.
 */
export const deviceFilter = async (): Promise<string> => {
  const platform = await startPrivatePlatform(resolve('.'), 'bench', {
    names: ['device-registry', 'gateway'],
  });
  const database = new pg.Client({ connectionString: platform.databaseUrl });
  try {
    await database.connect();
    await database.query('SET search_path = device_registry');
    await fillDevices(database);
    const pages = await measurePages(platform, database);
    const writes = await measureWrites(database);
    const file = keep({ devices: DEVICES, requests: REQUESTS, pages, writes });
    return [tableOfPages(pages), '', tableOfWrites(writes), '', `Raw results: ${file}`].join('\n');
  } finally {
    await database.end();
    await platform.stop();
  }
};

const FILL_DEVICES = `
  INSERT INTO devices (tenant_id, id, name, device_type_id, app_version, interface, folder, tags, metadata, serial_number,
    version, created_at)
  SELECT 'default', $3 || '-0000-7000-8000-' || lpad(to_hex(i), 12, '0'), 'device-' || substr(md5(i::text), 1, 12) || i,
    'type-' || type, 'type-' || type || '-v1',
    CASE WHEN i % 10 = 0 THEN 'http' ELSE 'mqtt' END,
    '/' || (ARRAY['paris', 'lyon', 'berlin', 'rome', 'oslo'])[1 + i % 5] || '/building-' || i / 5 % 400 || '/floor-' || i / 2000 % 5,
    CASE WHEN i % 2 = 0 THEN ARRAY['roof'] ELSE ARRAY['cellar', 'zone-' || i % 1000] END
      || CASE WHEN i % 50000 = 3 THEN ARRAY['recall'] ELSE ARRAY[]::text[] END,
    jsonb_build_object('region', (ARRAY['eu', 'us', 'asia', 'africa'])[1 + i % 4], 'rack', i % 20000,
      'owner', 'owner-' || i % 3000, 'floor', i % 5, 'battery', i % 2 = 0),
    'SN-' || lpad(i::text, 8, '0'), 1, timestamptz '2026-01-01' + i * interval '20 seconds'
  FROM (SELECT i, CASE WHEN i % 1000 = 7 THEN 3 + i / 1000 % 7 ELSE i % 3 END AS type
        FROM generate_series($1::integer, $2::integer) AS i) AS n`;

/** Devices of many kinds, ten types, and what is known of their connections. */
export const fillDevices = async (database: pg.Client, devices = DEVICES): Promise<void> => {
  await database.query(
    `INSERT INTO device_types (tenant_id, id, name, settings, version, created_at)
     SELECT 'default', 'type-' || i, coalesce((ARRAY['thermostat', 'radiator', 'meter'])[i + 1], 'rare-' || i), '{}', 1, now()
     FROM generate_series(0, 9) AS i`,
  );
  await database.query(
    `INSERT INTO app_versions (tenant_id, device_type_id, id, name, nth)
     SELECT tenant_id, id, id, id || '-v1', 1 FROM device_types`,
  );
  // Without looking up the type and the version of each: they are there.
  await database.query('SET session_replication_role = replica');
  for (let from = 0; from < devices; from += 50_000) {
    await database.query(FILL_DEVICES, [from, Math.min(from + 50_000, devices) - 1, '019a0000']);
  }
  await database.query(
    `INSERT INTO device_connectivity (tenant_id, device_id, connected, since, last_seen_at)
     SELECT tenant_id, id, CASE WHEN interface = 'mqtt' THEN substr(md5(id), 1, 1) < 'e' END, now(),
       timestamptz '2026-11-20' - ('x' || substr(md5(name), 1, 6))::bit(24)::integer * interval '0.155 seconds'
     FROM devices`,
  );
  await database.query('SET session_replication_role = DEFAULT');
  await database.query('VACUUM ANALYZE');
};

interface Page {
  readonly what: string;
  readonly rows: number;
  readonly times: readonly number[];
}

const measurePages = async (platform: PrivatePlatform, database: pg.Client): Promise<Page[]> => {
  const key = readFileSync(platform.adminApiKeyFile, 'utf8').trim();
  const get = async (path: string): Promise<{ items?: unknown[] }> => {
    const response = await fetch(`${platform.gatewayUrl}/api/v1${path}`, { headers: { 'x-api-key': key } });
    const text = await response.text();
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as { items?: unknown[] };
  };
  const measure = async (what: string, path: string, requests = REQUESTS): Promise<Page> => {
    const rows = (await get(path)).items?.length ?? 1;
    const times: number[] = [];
    for (let n = 0; n < requests; n += 1) {
      const began = performance.now();
      await get(path);
      times.push(performance.now() - began);
    }
    return { what, rows, times };
  };
  const { rows: some } = await database.query<{ id: string }>('SELECT id FROM devices LIMIT 1');
  const pages = [
    await measure('ceiling: a device by its id', `/devices/${some[0]?.id ?? ''}`),
    await measure('ceiling: the first page of all', '/devices'),
  ];
  for (const filter of FILTERS) {
    pages.push(await measure(`\`${filter}\``, `/devices?filter=${encodeURIComponent(filter)}`));
  }
  for (const filter of SCANS) {
    pages.push(await measure(`no index: \`${filter}\``, `/devices?filter=${encodeURIComponent(filter)}`, 5));
  }
  const counted = `/devices?count=true&filter=${encodeURIComponent('tags==roof')}`;
  return [...pages, await measure('`tags==roof` with `count=true`', counted, 5)];
};

const tableOfPages = (pages: readonly Page[]): string =>
  markdownTable(
    [`${DEVICES.toLocaleString('en')} devices, first page of 50, REST`, 'rows', 'p50', 'max'],
    pages.map(({ what, rows, times }) => [
      what,
      String(rows),
      milliseconds(percentile(times, 0.5)),
      milliseconds(Math.max(...times)),
    ]),
  );

const INDEXES = ['devices_by_tag', 'devices_by_metadata', 'devices_by_folder', 'devices_by_serial_number'];

interface Writes {
  readonly indexes: 'with' | 'without';
  /** Rows a second. */
  readonly inserted: number;
  readonly changed: number;
}

/** The two in turn, since other work shares the machine. */
const measureWrites = async (database: pg.Client): Promise<Writes[]> => {
  const { rows: definitions } = await database.query<{ indexdef: string }>(
    'SELECT indexdef FROM pg_indexes WHERE indexname = ANY($1)',
    [INDEXES],
  );
  const writes: Writes[] = [];
  for (let round = 0; round < 3; round += 1) {
    writes.push({ indexes: 'with', ...(await writeOnce(database)) });
    await database.query(`DROP INDEX ${INDEXES.join(', ')}`);
    writes.push({ indexes: 'without', ...(await writeOnce(database)) });
    for (const { indexdef } of definitions) await database.query(indexdef);
  }
  return writes;
};

const WRITTEN = 50_000;

/** Statements of 500 rows, as the projection writes them. */
const writeOnce = async (database: pg.Client): Promise<{ inserted: number; changed: number }> => {
  await database.query('CHECKPOINT');
  const perSecond = async (write: (from: number) => Promise<unknown>): Promise<number> => {
    const began = performance.now();
    for (let from = 0; from < WRITTEN; from += 500) await write(DEVICES + from);
    return (WRITTEN / (performance.now() - began)) * 1_000;
  };
  const inserted = await perSecond((from) => database.query(FILL_DEVICES, [from, from + 499, '019b0000']));
  const changed = await perSecond((from) =>
    database.query(
      `UPDATE devices SET version = version + 1, metadata = metadata || '{"rack": 5}' WHERE tenant_id = 'default'
         AND id IN (SELECT '019b0000-0000-7000-8000-' || lpad(to_hex(i), 12, '0') FROM generate_series($1::integer, $2) AS i)`,
      [from, from + 499],
    ),
  );
  await database.query(`DELETE FROM devices WHERE id > '019b'`);
  await database.query('VACUUM devices');
  return { inserted, changed };
};

const tableOfWrites = (writes: readonly Writes[]): string => {
  const row = (indexes: Writes['indexes']): string[] => {
    const of = writes.filter((one) => one.indexes === indexes);
    const median = (values: readonly number[]): string =>
      `${Math.round(percentile(values, 0.5)).toLocaleString('en')}/s`;
    return [
      `${indexes} the indexes of filters`,
      median(of.map(({ inserted }) => inserted)),
      median(of.map(({ changed }) => changed)),
    ];
  };
  return markdownTable(
    ['500 rows a statement, median of 3', 'rows of new devices', 'metadata changed'],
    [row('with'), row('without')],
  );
};

const keep = (results: object): string => {
  const directory = resolve('.muster/bench');
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `device-filter-${new Date().toISOString().replaceAll(':', '-')}.json`);
  writeFileSync(file, JSON.stringify(results, null, 2));
  return file;
};
