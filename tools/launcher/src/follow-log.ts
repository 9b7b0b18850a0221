import { closeSync, openSync, readSync, statSync, unwatchFile, watchFile } from 'node:fs';
import { basename } from 'node:path';

const SHOWN_LEVELS: readonly unknown[] = ['warn', 'error', 'fatal'];
const LINES_PER_BURST = 5;
const BURST_MS = 10_000;

/**
 * Shows on the terminal what an application logs at warn and above; everything
 * is in the file. A storm (a server is away, every request fails) is cut to a
 * few lines, so that what the launcher says stays in sight. Returns the stop.
 */
export const followLog = (path: string, say: (line: string) => void): (() => void) => {
  let position = sizeOf(path);
  let rest = '';
  let shown = 0;
  let hidden = 0;
  let burstBegan = 0;

  const show = (line: string): void => {
    if (Date.now() - burstBegan > BURST_MS) {
      if (hidden > 0) say(`${hidden} more lines like these in .muster/log/${basename(path)}`);
      burstBegan = Date.now();
      shown = 0;
      hidden = 0;
    }
    if (shown >= LINES_PER_BURST) {
      hidden += 1;
      return;
    }
    shown += 1;
    say(line);
  };
  const readOn = (): void => {
    const size = sizeOf(path);
    if (size < position) position = 0; // moved away as too large, and begun anew
    const chunk = readBetween(path, position, size);
    position = size;
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const warning = warningOf(line);
      if (warning !== undefined) show(warning);
    }
  };
  watchFile(path, { interval: 500, persistent: false }, readOn);
  return () => unwatchFile(path, readOn);
};

/** "telemetry: the database is away", from one line of JSON; undefined below warn and for anything else. */
export const warningOf = (line: string): string | undefined => {
  const entry = parse(line);
  if (entry === undefined || !SHOWN_LEVELS.includes(entry['level'])) return undefined;
  const who = [entry['service'], entry['name'], entry['context']].find(isText);
  const error = entry['err'];
  const cause = typeof error === 'object' && error !== null && 'message' in error ? error.message : undefined;
  const message = ([entry['msg'], cause].find(isText) ?? '(no text)').slice(0, 300);
  return who === undefined ? message : `${who}: ${message}`;
};

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

const parse = (line: string): Record<string, unknown> | undefined => {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>; // it begins with a brace, so it is an object
  } catch {
    return undefined;
  }
};

const sizeOf = (path: string): number => {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
};

const readBetween = (path: string, from: number, to: number): string => {
  if (to <= from) return '';
  const buffer = Buffer.alloc(to - from);
  const descriptor = openSync(path, 'r');
  try {
    readSync(descriptor, buffer, 0, buffer.length, from);
  } finally {
    closeSync(descriptor);
  }
  return buffer.toString('utf8');
};
