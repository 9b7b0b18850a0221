import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** How often is looked for containers that came or whose time it is. */
const LOOK_EVERY_MS = 200;
const API = '/v4.0.0/libpod/containers';

/**
 * Asks containers for their health, each as often as it says itself. podman leaves that to systemd's timers, which are not
 * here; what is asked, and what becomes of the answer, stays podman's. Until `signal`.
 */
export const keepHealthAsked = async (socketPath: string, signal: AbortSignal): Promise<void> => {
  /** When a container was asked last, by its id; those that cannot be asked, never again. */
  const asked = new Map<string, number>();
  const intervals = new Map<string, number | undefined>();
  const ask = async (id: string): Promise<void> => {
    asked.set(id, Number.POSITIVE_INFINITY); // under way
    // A container may be gone by now.
    await get(socketPath, `${API}/${id}/healthcheck`).catch(() => undefined);
    asked.set(id, Date.now());
  };
  const questions = new Set<Promise<void>>();
  while (!signal.aborted) {
    for (const { Id: id } of await running(socketPath)) {
      if (!intervals.has(id)) intervals.set(id, await intervalOf(socketPath, id));
      const interval = intervals.get(id);
      if (interval === undefined || Date.now() < (asked.get(id) ?? 0) + interval) continue;
      const question = ask(id).finally(() => questions.delete(question));
      questions.add(question);
    }
    await delay(LOOK_EVERY_MS);
  }
  await Promise.all(questions);
};

type Container = { readonly Id: string };
type Inspected = { readonly Config: { readonly Healthcheck?: { readonly Interval: number } } };

const running = async (socketPath: string): Promise<readonly Container[]> =>
  (await get(socketPath, `${API}/json`).catch(() => [])) as readonly Container[]; // of podman's API

/** In milliseconds; undefined where a container has no such question. */
const intervalOf = async (socketPath: string, id: string): Promise<number | undefined> => {
  const inspected = await get(socketPath, `${API}/${id}/json`).catch(() => undefined);
  const nanoseconds = (inspected as Inspected | undefined)?.Config.Healthcheck?.Interval;
  return nanoseconds === undefined ? undefined : nanoseconds / 1_000_000;
};

const get = (socketPath: string, path: string): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const asking = request({ socketPath, path, agent: false }, (response) => {
      let text = '';
      response
        .setEncoding('utf8')
        .on('data', (more: string) => (text += more))
        .on('error', reject)
        .on('end', () => {
          if (response.statusCode !== 200) reject(new Error(`${path}: ${response.statusCode ?? 0} ${text}`));
          else resolve(JSON.parse(text));
        });
    });
    asking.on('error', reject).end();
  });
