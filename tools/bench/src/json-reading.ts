import { readJson } from '@muster/json';
import { markdownTable } from './statistics.js';

const MESSAGES = [
  '{"temperature":21.5}',
  '{"temperature":0,"humidity":41.25,"ts":1795868948123,"state":"on","n":{"a":[1,2,3]}}',
  '[{"drift":1e-5}]',
  `[${Array(100).fill('{"ts":1795868948123,"temperature":21.5,"humidity":41.25}').join()}]`,
];
const ROUND_MS = 500;
const DEPTH = 64;

const decoder = new TextDecoder('utf-8', { fatal: true });

/** What reading a message costs beside `JSON.parse`, which both do. Runs alone; needs no platform. */
export const jsonReading = (): Promise<string> => {
  const rows = MESSAGES.map((text) => {
    const bytes = Buffer.from(text);
    const times: [number, number] = [
      nanoseconds(() => JSON.parse(decoder.decode(bytes))),
      nanoseconds(() => readJson(bytes, DEPTH)),
    ];
    const shown = text.length > 60 ? `${text.length} bytes, ${text.slice(0, 30)}…` : text;
    return [shown, ...times.map((time) => `${time.toFixed(0)} ns`)];
  });
  return Promise.resolve(markdownTable(['message', 'JSON.parse', 'readJson'], rows));
};

/** The best of five rounds: whatever else the machine did made the others slower. */
const nanoseconds = (read: () => unknown): number => {
  let best = Infinity;
  for (let round = 0; round < 5; round += 1) {
    const began = performance.now();
    let count = 0;
    while (performance.now() - began < ROUND_MS) for (let n = 0; n < 100; n += 1, count += 1) read();
    best = Math.min(best, ((performance.now() - began) * 1e6) / count);
  }
  return best;
};
