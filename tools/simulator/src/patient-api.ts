import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { ApiError, type PlatformApi } from './platform-api.js';

export interface Patience {
  /** From the first fault of a call on. */
  readonly withinMs?: number;
  readonly firstPauseMs?: number;
  readonly signal?: AbortSignal;
  /** Told of every fault that is tried again. */
  readonly say: (text: string) => void;
}

const WITHIN_MS = 120_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;

/**
 * The same API for whoever has a lot to set up and must not give up for a moment's sake: what passes (no answer, 429, 502, 503, 504)
 * is tried again, with growing pauses. Each POST has a key of its own, so that what was done although its answer was lost is not done
 * again.
 */
export const patientApi =
  (api: PlatformApi, patience: Patience): PlatformApi =>
  async <T>(method: string, path: string, body?: object, headers: Readonly<Record<string, string>> = {}) => {
    const { withinMs = WITHIN_MS, firstPauseMs = FIRST_PAUSE_MS, signal, say } = patience;
    const once = method === 'POST' ? { 'idempotency-key': randomUUID(), ...headers } : headers;
    const until = performance.now() + withinMs;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      try {
        return await api<T>(method, path, body, once);
      } catch (error) {
        if (!(error instanceof ApiError) || !PASSING.includes(error.status) || signal?.aborted === true)
          throw error;
        if (performance.now() + pauseMs > until) throw error;
        say(`${error.message}; tried again in ${pauseMs / 1000} s`);
        await pause(pauseMs, undefined, { signal }).catch(() => undefined);
      }
    }
  };

const PASSING: readonly number[] = [0, 429, 502, 503, 504];
