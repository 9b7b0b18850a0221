import { useSyncExternalStore } from 'react';
import { exact, relative } from './format.js';

/** One clock for all times of the page: how long ago they are moves on without a clock for each. */
const STEP_MS = 5_000;
const watchers = new Set<() => void>();
let now = Date.now();
setInterval(() => {
  now = Date.now();
  for (const watcher of watchers) watcher();
}, STEP_MS);

const watch = (watcher: () => void): (() => void) => {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
};

/** Epoch milliseconds, some seconds old at most. */
export const useNow = (): number => useSyncExternalStore(watch, () => now);

/** How long ago, exact when pointed at. */
export const Moment = ({
  at,
  fallback = 'never',
}: {
  readonly at: string | null | undefined;
  readonly fallback?: string;
}) => {
  const clock = useNow();
  if (at === null || at === undefined) return <span className="dim">{fallback}</span>;
  const time = Date.parse(at);
  return (
    <time dateTime={at} title={exact(time)} className="nowrap">
      {relative(time, clock)}
    </time>
  );
};
