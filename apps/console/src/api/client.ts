import { createApiClient, type components } from '@muster/api-client';
import { learnClock } from './platform-clock.js';
import { readProblem, Refused } from './problem.js';

/** Where the page came from; a session's cookie says who asks. */
export const api = createApiClient({ baseUrl: '' });
api.use({ onResponse: ({ response }) => learnClock(response) });

/** A shape of the API by its name in docs/openapi.json. */
export type Schema<Name extends keyof components['schemas']> = components['schemas'][Name];

interface Answer {
  readonly data?: unknown;
  readonly error?: unknown;
  readonly response: Response;
}

/** What was answered. Throws `Refused`; where nobody answered, what fetch throws. */
export const answered = async <A extends Answer>(call: Promise<A>): Promise<NonNullable<A['data']>> =>
  (await withEtag(call)).data;

/** The same with the version to send back as `If-Match`. */
export const withEtag = async <A extends Answer>(
  call: Promise<A>,
): Promise<{ readonly data: NonNullable<A['data']>; readonly etag: string }> => {
  const { data, error, response } = await call;
  if (!response.ok) throw new Refused(readProblem(error, response.status));
  return { data: data as NonNullable<A['data']>, etag: response.headers.get('etag') ?? '' };
};

/** For POSTs that create or start something: the same key again does nothing twice. */
export const newIdempotencyKey = (): string =>
  // randomUUID is missing on plain http beyond localhost.
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join(
    '',
  );
