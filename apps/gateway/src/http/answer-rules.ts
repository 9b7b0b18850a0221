import 'reflect-metadata';

/** How a handler's answer leaves, besides its body. */
export interface AnswerRules {
  readonly status: 200 | 201 | 202 | 204;
  /** The answer shows a secret: nobody may keep it. */
  readonly secret?: boolean;
  /** False or absent: a query is refused, so that a mistyped filter does not look as if it had worked. */
  readonly takesQuery?: boolean;
  /** False or absent: the same of a body. `{}` says nothing, and clients send it where they have nothing to say. */
  readonly takesBody?: boolean;
  /** From the path that was asked and the `id`, or else the `jobId`, in the answer; none where there is none. */
  readonly location?: (path: string, id: string) => string;
}

/** Of what a job does. */
export const jobLocation = (_path: string, jobId: string): string => `/api/v1/jobs/${jobId}`;

const KEY = Symbol('answer rules');

export const setAnswerRules = (handler: object, rules: AnswerRules): void =>
  Reflect.defineMetadata(KEY, rules, handler);

/** Undefined: the handler declares none. */
export const answerRulesOf = (handler: object): AnswerRules | undefined =>
  Reflect.getMetadata(KEY, handler) as AnswerRules | undefined; // under a symbol of our own
