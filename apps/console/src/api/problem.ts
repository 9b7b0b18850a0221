/** What the platform says when it refuses (RFC 9457). */
export interface Problem {
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly traceId?: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

/** A call that was answered with no. Decide by `problem.code` or `problem.status`, show `problem.detail`. */
export class Refused extends Error {
  override readonly name = 'Refused';

  constructor(readonly problem: Problem) {
    super(problem.detail);
  }
}

/** Status 0: nobody has answered. Whether a change was made is not known. */
export const UNREACHED: Problem = {
  title: 'The platform does not answer',
  status: 0,
  detail: 'The platform cannot be reached from here. What you see is the last that was known.',
  code: 'unreached',
};

/** What a refusal for want of a session says here, where nobody sends a key with a call. */
export const SESSION_ENDED = {
  title: 'The session had ended',
  detail: 'Nothing was done. Sign in, and do it again.',
} as const;

/** Nobody has answered, or something between us: a change that was asked for may have been made. */
export const isOpen = ({ status, code }: Problem): boolean =>
  code === UNREACHED.code || (status >= 500 && status < 600);

export const problemOf = (error: unknown): Problem => {
  if (error instanceof Refused) return error.problem;
  // What fetch throws when there is no answer.
  if (error instanceof TypeError && /fetch|network|load failed/i.test(error.message)) return UNREACHED;
  return {
    title: 'The console has a fault',
    status: 0,
    detail: error instanceof Error ? error.message : String(error),
    code: 'console-fault',
  };
};

/** A proxy between may answer with a page of its own. */
export const readProblem = (body: unknown, status: number): Problem => {
  if (typeof body === 'object' && body !== null && 'code' in body && 'detail' in body) {
    return body as Problem;
  }
  return {
    title: `The platform answered ${status}`,
    status,
    detail:
      status === 502 || status === 503 || status === 504
        ? 'The platform is not there at the moment.'
        : `The answer was ${status}, without a reason.`,
    code: `status-${status}`,
  };
};

/** What is said of a field, for showing it there: `errors` whose path is the field or lies in it. */
export const faultAt = (problem: Problem | undefined, path: string): string | undefined =>
  problem?.errors
    ?.filter(
      (error) =>
        error.path === path || error.path.startsWith(`${path}.`) || error.path.startsWith(`${path}[`),
    )
    .map((error) => (error.path === path ? error.message : `${error.path}: ${error.message}`))
    .join('; ') || undefined;
