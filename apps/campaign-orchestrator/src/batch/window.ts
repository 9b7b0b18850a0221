import type { Day } from '@muster/contracts/campaign-orchestrator/campaign';
import type { StoredWindow } from '../campaign/campaign.events.js';

export interface WindowState {
  readonly open: boolean;
  /** When it closes, or opens; null: never. */
  readonly changesAt: string | null;
}

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/**
 * A window that opens once a week is found within so many days, also where the one of this week lies in the hour that clocks skip in
 * spring, and so does not open; two more for time zones and the night.
 */
const AHEAD_DAYS = 16;
const DAYS: readonly Day[] = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** Whether desired values may be written at `now`, and until when that stays so. Null: always. */
export const windowAt = (window: StoredWindow | null, now: string): WindowState => {
  if (window === null) return { open: true, changesAt: null };
  const time = Date.parse(now);
  const spans = spansAround(window, time);
  const at = spans.find(([opens, closes]) => opens <= time && time < closes);
  if (at !== undefined) {
    const [, closes] = at;
    const isEndless = closes - time > (AHEAD_DAYS - 2) * DAY_MS;
    return { open: true, changesAt: isEndless ? null : new Date(closes).toISOString() };
  }
  const next = spans.find(([opens]) => opens > time);
  return { open: false, changesAt: next === undefined ? null : new Date(next[0]).toISOString() };
};

type Span = readonly [opens: number, closes: number];

/** From the day before on, in order; those that touch each other are one. */
const spansAround = ({ timeZone, from, to, days }: StoredWindow, time: number): readonly Span[] => {
  const today = localMs(time, timeZone);
  const midnight = today - (((today % DAY_MS) + DAY_MS) % DAY_MS);
  const spans: Span[] = [];
  for (let day = -2; day <= AHEAD_DAYS; day += 1) {
    const start = midnight + day * DAY_MS;
    const name = DAYS[new Date(start).getUTCDay()];
    if (days !== null && name !== undefined && !days.includes(name)) continue;
    const overMidnight = minutesOf(to) <= minutesOf(from) ? DAY_MS : 0;
    const opens = instantOf(start + minutesOf(from) * MINUTE_MS, timeZone);
    const closes = instantOf(start + overMidnight + minutesOf(to) * MINUTE_MS, timeZone);
    const last = spans.at(-1);
    if (last !== undefined && opens <= last[1])
      spans[spans.length - 1] = [last[0], Math.max(last[1], closes)];
    else if (closes > opens) spans.push([opens, closes]);
  }
  return spans;
};

const minutesOf = (clock: string): number => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3));

/**
 * The instant at which clocks there show this time of day (as if it were UTC). What they skip in spring is moved on by as
 * much as they skip; of what they show twice in autumn it is the first.
 */
const instantOf = (local: number, timeZone: string): number => {
  const [before, after] = [local - DAY_MS, local + DAY_MS].map((near) => localMs(near, timeZone) - near) as [
    number,
    number,
  ];
  const shown = [local - before, local - after].filter((guess) => localMs(guess, timeZone) === local);
  return shown.length > 0 ? Math.min(...shown) : local - before;
};

/** What clocks there show at an instant, as if it were UTC. */
const localMs = (instant: number, timeZone: string): number => {
  const parts = Object.fromEntries(
    formatOf(timeZone)
      .formatToParts(instant)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) + (((instant % 1_000) + 1_000) % 1_000);
};

const formats = new Map<string, Intl.DateTimeFormat>();

/** Costly to make. At most as many as there are time zones, in whatever case they are written. */
const formatOf = (timeZone: string): Intl.DateTimeFormat => {
  const key = timeZone.toLowerCase();
  const known = formats.get(key);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    ...{ year: 'numeric', month: 'numeric', day: 'numeric' },
    ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
  });
  formats.set(key, format);
  return format;
};
