/**
 * Something the user can mend: `message` is one sentence saying what is wrong,
 * `advice` what to do. Printed without a stack. Any other error is our bug.
 */
export class Failure extends Error {
  constructor(
    message: string,
    readonly advice: readonly string[] = [],
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'Failure';
  }
}

/** Names the errors of the operating system that are the machine's state and not our bug. */
export const asFailure = (error: unknown): Failure | undefined => {
  if (error instanceof Failure) return error;
  const { code, path } = codeAndPath(error);
  const where = path === undefined ? '' : ` (${path})`;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new Failure(`The disk is full${where}.`, [
      'Free some space, then run the same command again: nothing is lost.',
    ]);
  }
  if (code === 'EROFS')
    return new Failure(`The file system is read-only${where}.`, ['Use a checkout on a writable one.']);
  if (code === 'EACCES' || code === 'EPERM') {
    return new Failure(`This user lacks the right to use a file or port${where}: ${String(error)}`, [
      'Most often .muster/ or node_modules/ was made by another user (root?): give it to this one with chown -R.',
    ]);
  }
  return undefined;
};

const codeAndPath = (error: unknown): { code?: string; path?: string } => {
  if (typeof error !== 'object' || error === null) return {};
  const { code, path } = error as NodeJS.ErrnoException; // only looked at as text
  return { code, path };
};

/** Faults that came up at the same time, told at once. */
export class Failures extends Failure {
  constructor(readonly parts: readonly Failure[]) {
    super(parts.map(({ message }) => message).join('\n'), [
      ...new Set(parts.flatMap(({ advice }) => advice)),
    ]);
    this.name = 'Failures';
  }
}

/** One error of several; a bug among them goes first, since the others may come of it. */
export const joined = (reasons: readonly unknown[], otherwise: unknown): unknown => {
  const failures = reasons.map(asFailure);
  const bug = failures.indexOf(undefined);
  if (bug >= 0) return reasons[bug];
  const parts = failures.flatMap((failure) =>
    failure instanceof Failures ? failure.parts : failure ? [failure] : [],
  );
  return parts.length === 0 ? otherwise : new Failures(parts);
};
