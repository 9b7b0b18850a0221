import { useQueryClient, type QueryKey } from '@tanstack/react-query';
import { useEffect, useSyncExternalStore } from 'react';
import { sharedStream, type Liveness } from './shared-stream.js';
import type { LiveEvent } from './stream.js';

/** Counters move at most so often, however much happens. */
const AT_MOST_EVERY_MS = 500;

export const useLiveness = (): Liveness => useSyncExternalStore(sharedStream.watch, sharedStream.look);

/**
 * How often to ask where the stream does not tell: never while it is live. While it is being connected again, too: where the
 * platform is away, a page must say since when what it shows is old.
 */
export const usePolling = (): number | false => {
  const liveness = useLiveness();
  return liveness === 'polling' || liveness === 'reconnecting' ? 10_000 : false;
};

/**
 * While it is mounted, what happens to `topic` makes the queries of `keys` be read anew: at once the first time, then at
 * most twice a second. `isMeant` leaves out events that change nothing there.
 */
export const useLive = (
  topic: string | undefined,
  keys: readonly QueryKey[],
  isMeant?: (event: LiveEvent) => boolean,
  everyMs = AT_MOST_EVERY_MS,
): void => {
  const queries = useQueryClient();
  const names = JSON.stringify(keys);
  useEffect(() => {
    if (topic === undefined) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = 0;
    const refresh = () => {
      timer = undefined;
      last = Date.now();
      for (const queryKey of JSON.parse(names) as QueryKey[]) void queries.invalidateQueries({ queryKey });
    };
    const end = sharedStream.listen(topic, (event) => {
      if (event !== 'reset' && isMeant?.(event) === false) return;
      timer ??= setTimeout(refresh, Math.max(0, last + everyMs - Date.now()));
    });
    return () => {
      end();
      clearTimeout(timer);
    };
    // isMeant is a constant of its page.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [topic, names, queries, everyMs]);
};
