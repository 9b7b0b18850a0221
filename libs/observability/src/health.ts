export interface Readiness {
  readonly ready: boolean;
  readonly failing: readonly { readonly name: string; readonly reason: string }[];
}

/** Longer than this, and a check counts as failed: a probe must get its answer before its own timeout. */
const CHECK_DEADLINE_MS = 2_000;

/**
 * Live: the process runs. Ready: it can do its work, that is, every check passes. A dependency that is away makes an app
 * not ready, never not live: a restart would not bring the dependency back.
 */
export class Health {
  private readonly checks = new Map<string, () => Promise<void> | void>();

  private waiting: { readonly name: string; readonly reason: string } | undefined;

  /** What a start waits for: not ready because of it, until it waits for the next thing or has `started`. */
  waitsFor(name: string, reason = 'not there yet; the start waits for it'): void {
    this.waiting = { name, reason };
  }

  started(): void {
    this.waiting = undefined;
  }

  /** `check` throws when `name` is not usable; the message is shown to operators. */
  add(name: string, check: () => Promise<void> | void): void {
    if (this.checks.has(name)) throw new Error(`health check ${name} exists`);
    this.checks.set(name, check);
  }

  live(): { readonly live: true } {
    return { live: true };
  }

  async ready(): Promise<Readiness> {
    const outcomes = await Promise.all([...this.checks].map(([name, check]) => outcome(name, check)));
    const failing = [this.waiting, ...outcomes].filter((one) => one !== undefined);
    return { ready: failing.length === 0, failing };
  }
}

const outcome = async (
  name: string,
  check: () => Promise<void> | void,
): Promise<{ name: string; reason: string } | undefined> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${CHECK_DEADLINE_MS} ms`)), CHECK_DEADLINE_MS);
  });
  try {
    await Promise.race([Promise.resolve().then(check), late]);
    return undefined;
  } catch (error) {
    return { name, reason: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
};
