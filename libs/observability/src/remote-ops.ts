import type { Readiness } from './health.js';
import type { OpsParts } from './ops.js';

const DEADLINE_MS = 3_000;

/** The operations pages of another process, at `url`, to be shown with one's own. */
export const remoteOps = (url: string): OpsParts => ({
  health: {
    live: () => ({ live: true }),
    ready: async () => {
      try {
        // 503 has the same body, with what fails.
        return (await (await ask(`${url}/health/ready`)).json()) as Readiness;
      } catch {
        return { ready: false, failing: [{ name: 'process', reason: `nothing answers at ${url}` }] };
      }
    },
  },
  // A process that is away has no numbers; that it is away is told by the health.
  metrics: {
    text: () =>
      ask(`${url}/metrics`).then(
        (answer) => answer.text(),
        () => '',
      ),
  },
});

const ask = (url: string): Promise<Response> => fetch(url, { signal: AbortSignal.timeout(DEADLINE_MS) });
