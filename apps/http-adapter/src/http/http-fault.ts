import { AppError } from '@muster/contracts';

/** What is wrong with a request as HTTP, which the error catalogue knows nothing of: 405, 408. */
export class HttpFault extends Error {
  override readonly name = 'HttpFault';

  constructor(
    readonly statusCode: number,
    readonly reasonPhrase: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(reasonPhrase);
  }
}

export interface Refusal {
  readonly statusCode: number;
  /** For the device's developer. */
  readonly reasonPhrase: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** undefined: a bug of ours. */
export const refusalOf = (error: unknown): Refusal | undefined => {
  if (error instanceof HttpFault) return error;
  if (!(error instanceof AppError)) return undefined;
  return refusal(error.status, error.detail, error.retryAfterSeconds);
};

/** Seconds that are said with 429 and 503 where nobody knows better. */
const RETRY_AFTER_SECONDS = 1;

export const refusal = (statusCode: number, reasonPhrase: string, retryAfterSeconds?: number): Refusal => {
  const seconds =
    retryAfterSeconds ?? (statusCode === 429 || statusCode === 503 ? RETRY_AFTER_SECONDS : undefined);
  return {
    statusCode,
    reasonPhrase,
    headers: {
      ...(seconds === undefined ? {} : { 'retry-after': String(seconds) }),
      // RFC 9110: a 401 names what would be accepted.
      ...(statusCode === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    },
  };
};
