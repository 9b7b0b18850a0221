import { useQueryClient, type QueryKey } from '@tanstack/react-query';
import { useEffect, useSyncExternalStore } from 'react';
import { readAnew } from './read-anew.js';
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
 * most twice a second. `changed` says what of it an event changes: nothing, all (the default), or only these.
 */
export const useLive = (
  topic: string | undefined,
  keys: readonly QueryKey[],
  changed: (event: LiveEvent) => boolean | readonly QueryKey[] = () => true,
  everyMs = AT_MOST_EVERY_MS,
): void => {
  const queries = useQueryClient();
  const names = JSON.stringify(keys);
  useEffect(() => {
    if (topic === undefined) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = 0;
    const old = new Set<string>();
    const refresh = () => {
      timer = undefined;
      last = Date.now();
      // What is below another one is read with it.
      const all = old.has(names) ? [names] : [...old];
      old.clear();
      for (const queryKey of all.flatMap((text) => JSON.parse(text) as QueryKey[]))
        readAnew(queries, queryKey);
    };
    const end = sharedStream.listen(topic, (event) => {
      const what = event === 'reset' || changed(event);
      if (what === false) return;
      if (what === true) old.add(names);
      else for (const key of what) old.add(JSON.stringify([key]));
      timer ??= setTimeout(refresh, Math.max(0, last + everyMs - Date.now()));
    });
    return () => {
      end();
      clearTimeout(timer);
    };
    // changed is a constant of its page.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [topic, names, queries, everyMs]);
};
