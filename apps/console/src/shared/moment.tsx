import { useSyncExternalStore } from 'react';
import { platformTime } from '../api/platform-clock.js';
import { clock as clockOf, exact, relative } from './format.js';

/** One clock for all times of the page: how long ago they are moves on without a clock for each. */
const STEP_MS = 5_000;
const watchers = new Set<() => void>();
let now = platformTime();
setInterval(() => {
  now = platformTime();
  for (const watcher of watchers) watcher();
}, STEP_MS);

const watch = (watcher: () => void): (() => void) => {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
};

/** Epoch milliseconds by the platform's clock, some seconds old at most. */
export const useNow = (): number => useSyncExternalStore(watch, () => now);

/** Of a moment that this computer has noted, as when a page was read. */
export const OwnMoment = ({ at }: { readonly at: number }) => (
  <Moment at={new Date(platformTime(at)).toISOString()} />
);

/** From here on a list says the clock: "41 min ago" is hard to hold against a log. */
const CLOCK_AFTER_MS = 10 * 60_000;

/** How long ago, exact when pointed at; in a list of what happened (`clock`) the clock, unless it was just now. */
export const Moment = ({
  at,
  fallback = 'never',
  clock = false,
}: {
  readonly at: string | null | undefined;
  readonly fallback?: string;
  readonly clock?: boolean;
}) => {
  const now = useNow();
  if (at === null || at === undefined)
    return fallback === '' ? null : <span className="dim">{fallback}</span>;
  const time = Date.parse(at);
  return (
    <time dateTime={at} title={exact(time)} className="nowrap">
      {clock && Math.abs(now - time) > CLOCK_AFTER_MS ? clockOf(time, now) : relative(time, now)}
    </time>
  );
};
