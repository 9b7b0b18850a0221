/** What the REST API refused. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    /** 0: it did not answer. */
    readonly status: number,
    /** Of the error catalogue; empty if the answer has none. */
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export type PlatformApi = <T>(
  method: string,
  path: string,
  body?: object,
  headers?: Readonly<Record<string, string>>,
) => Promise<T>;

const TIMEOUT_MS = 30_000;

/** Calls below `/api/v1` with an API key; a body that is no `FormData` is sent as JSON. Throws `ApiError`. */
export const platformApi =
  (url: string, apiKey: string): PlatformApi =>
  async <T>(
    method: string,
    path: string,
    body?: object,
    more: Readonly<Record<string, string>> = {},
  ): Promise<T> => {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: {
        ...more,
        'x-api-key': apiKey,
        // Of a form fetch knows it, with the boundary.
        ...(body instanceof FormData ? {} : { 'content-type': 'application/json' }),
      },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body === undefined ? {} : { body: body instanceof FormData ? body : JSON.stringify(body) }),
    }).catch((error: unknown) => {
      // fetch says what happened in the cause alone.
      const { cause = error } = error as Error;
      throw new ApiError(0, '', `${url} does not answer (${String(cause)}). Does npm start run?`);
    });
    const text = await response.text();
    if (response.ok) return (text === '' ? undefined : parse(url, text)) as T;
    const code = /"code":"([^"]*)"/.exec(text)?.[1] ?? '';
    throw new ApiError(
      response.status,
      code,
      `${method} ${path} answers ${response.status}: ${text.slice(0, 500)}`,
    );
  };

/** Something else may listen there. */
const parse = (url: string, text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(200, '', `${url} answers, but not as the REST API of muster does.`);
  }
};
