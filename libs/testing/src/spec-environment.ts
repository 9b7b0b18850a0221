import { setTimeout as sleep } from 'node:timers/promises';
import type { Circus } from '@jest/types';
import { TestEnvironment } from 'jest-environment-node';

/** How long what was closed may take to be gone. */
const SETTLE_MS = 2_000;

/**
 * Where every spec file runs. The file fails when it leaves something behind that would keep a process alive: a timer, a
 * connection, a server, a child. What was there before, as Jest's own pipes, is not counted.
 */
class SpecEnvironment extends TestEnvironment {
  private before: readonly string[] = [];
  protected workerPipes: readonly object[] = [];

  override async setup(): Promise<void> {
    await super.setup();
    // Jest's own short timers would be taken for something that stays; its reporters', of 100 ms, are in its first process.
    await sleep(process.send === undefined ? 150 : 1);
    // A worker's own pipes are opened when somebody asks for them first, which may be a package in the middle of a spec.
    this.workerPipes = [process.stdin, process.stdout, process.stderr];
    this.before = process.getActiveResourcesInfo();
  }

  async handleTestEvent(event: Circus.AsyncEvent | Circus.SyncEvent, state: Circus.State): Promise<void> {
    if (event.name !== 'run_finish') return;
    const deadline = Date.now() + SETTLE_MS;
    let open = openSince(this.before);
    while (open.length > 0 && Date.now() < deadline) {
      await sleep(20);
      // What is seen each time: a short timer of Jest's own may be there at one look, too.
      const now = openSince(this.before);
      open = open.filter((kind) => take(now, kind));
    }
    if (open.length === 0) return;
    state.unhandledErrors.push(
      new Error(
        `Left open, ${SETTLE_MS} ms after the last test: ${counted(open)}. Jest's --detectOpenHandles tells where from.`,
      ),
    );
  }
}

/** `TCPSocketWrap`, `Timeout`…: as often as there are more of it than before. */
const openSince = (before: readonly string[]): string[] => {
  const known = [...before];
  return process.getActiveResourcesInfo().filter((kind) => !take(known, kind));
};

/** Whether there was one, which is taken out. */
const take = (from: string[], kind: string): boolean => {
  const index = from.indexOf(kind);
  if (index >= 0) from.splice(index, 1);
  return index >= 0;
};

/** `Timeout, TCPSocketWrap × 3` */
const counted = (kinds: readonly string[]): string =>
  [...new Set(kinds)]
    .map((kind) => [kind, kinds.filter((one) => one === kind).length] as const)
    .map(([kind, count]) => (count === 1 ? kind : `${kind} × ${count}`))
    .join(', ');

// Jest loads the default export.
export { SpecEnvironment as default };
