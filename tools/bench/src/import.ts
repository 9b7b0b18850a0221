import { setTimeout as pause } from 'node:timers/promises';
import { call, platform, apiKey, runName } from './platform.js';
import { keepRaw } from './raw-results.js';
import { markdownTable, rate, share } from './statistics.js';

const DEVICES = Number(process.env['MUSTER_BENCH_DEVICES'] ?? 100_000);
/** Devices made one by one for the comparison. */
const SINGLE = 1_000;
const CALLERS = 16;

const seconds = (value: number): string => `${value.toFixed(1)} s`;

interface Result {
  readonly what: string;
  readonly uploadSeconds: number;
  readonly totalSeconds: number;
  readonly counts: Record<string, number>;
}

/**
 * A file of devices through `POST /devices/import`: from its first byte to the end of its job. First as a dry run, then in
 * earnest, then the same file again, which changes nothing. Beside it the same devices as they were made before, one by one by
 * 16 callers, and the ceiling: the same bytes to a server that reads and forgets them is far above either, so what is compared with is what
 * the registry appends at all.
 */
export const importBench = async (): Promise<string> => {
  const run = runName('import');
  await call('POST', '/device-types', { name: run });
  const single = await oneByOne(run);
  const file = csvOf(run);
  const results = [
    await importFile('dry run', file, '?dryRun=true'),
    await importFile('import', file, ''),
    await importFile('the same file again', file, ''),
  ];
  const exported = await exportAll(run);
  const raw = keepRaw('import', { devices: DEVICES, bytes: file.length, single, results, exported });
  const rows = results.map(({ what, uploadSeconds, totalSeconds, counts }) => [
    what,
    seconds(uploadSeconds),
    seconds(totalSeconds),
    rate(DEVICES / totalSeconds),
    share(DEVICES / totalSeconds, single),
    Object.entries(counts)
      .filter(([, count]) => count > 0)
      .map(([name, count]) => `${count} ${name}`)
      .join(', '),
  ]);
  return [
    markdownTable(
      [`${DEVICES} devices, ${file.length} bytes`, 'read', 'all', 'devices', 'of one by one', 'rows'],
      [
        ...rows,
        [
          'one by one (POST /devices)',
          '',
          seconds(SINGLE / single),
          rate(single),
          share(1, 1),
          `${SINGLE} created`,
        ],
        [
          'export (GET /exports/devices)',
          '',
          seconds(exported.seconds),
          rate(exported.lines / exported.seconds),
          '',
          `${exported.lines} lines`,
        ],
      ],
    ),
    `Raw results: ${raw}`,
  ].join('\n\n');
};

const csvOf = (run: string): Buffer => {
  const lines = Array.from(
    { length: DEVICES },
    (_, n) =>
      `${run}-d${n},${run},/${run}/building-${n % 100},"roof;north",${run}-sn-${n},${(n % 180) - 90},${(n % 360) - 180},eu,${n % 9}`,
  );
  return Buffer.from(
    `name,deviceType,folder,tags,serialNumber,position.latitude,position.longitude,metadata.region,metadata.floor\r\n${lines.join('\r\n')}\r\n`,
  );
};

const importFile = async (what: string, file: Buffer, query: string): Promise<Result> => {
  const began = performance.now();
  const response = await fetch(`${platform.url}/api/v1/devices/import${query}`, {
    method: 'POST',
    headers: { 'x-api-key': apiKey(), 'content-type': 'text/csv' },
    body: new Uint8Array(file),
  });
  const text = await response.text();
  if (response.status !== 202) throw new Error(`POST /devices/import: ${response.status} ${text}`);
  const uploadSeconds = (performance.now() - began) / 1_000;
  const { jobId } = JSON.parse(text) as { jobId: string };
  for (;;) {
    const counts = await call<Record<string, number>>('GET', `/imports/${jobId}`);
    if (counts['waiting'] === 0) {
      const { created = 0, updated = 0, unchanged = 0, failed = 0 } = counts;
      const totalSeconds = (performance.now() - began) / 1_000;
      return { what, uploadSeconds, totalSeconds, counts: { created, updated, unchanged, failed } };
    }
    // Each time the rows are counted.
    await pause(1_000);
  }
};

/** Devices a second. */
const oneByOne = async (run: string): Promise<number> => {
  const began = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      while (next < SINGLE) {
        const n = next;
        next += 1;
        await call('POST', '/devices', {
          name: `${run}-s${n}`,
          deviceType: run,
          folder: `/${run}/building-${n % 100}`,
          tags: ['roof', 'north'],
          serialNumber: `${run}-ssn-${n}`,
          position: { latitude: (n % 180) - 90, longitude: (n % 360) - 180 },
          metadata: { region: 'eu', floor: n % 9 },
        });
      }
    }),
  );
  return SINGLE / ((performance.now() - began) / 1_000);
};

const exportAll = async (run: string): Promise<{ seconds: number; lines: number }> => {
  const began = performance.now();
  const filter = encodeURIComponent(`deviceType==${run}`);
  const response = await fetch(`${platform.url}/api/v1/exports/devices?filter=${filter}`, {
    headers: { 'x-api-key': apiKey() },
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`GET /exports/devices: ${response.status} ${text}`);
  return { seconds: (performance.now() - began) / 1_000, lines: text.split('\r\n').length - 2 };
};
