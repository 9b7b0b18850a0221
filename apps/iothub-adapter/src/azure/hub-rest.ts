import type { PolicyAccess } from '../hub/connection-string.js';
import { Signature } from './sas.js';

export interface HubRequest {
  readonly method: 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE';
  /** Encoded, with query: `/devices/radiator-17`. */
  readonly path: string;
  /** An ETag, or `*`. */
  readonly ifMatch?: string;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

export interface HubAnswer<Body> {
  readonly headers: Headers;
  readonly body: Body;
}

/** What a hub answered instead of what was asked. `status` 0: nothing did. */
export class HubFailure extends Error {
  override readonly name = 'HubFailure';

  constructor(
    readonly status: number,
    /** The hub's own word (`DeviceNotFound`, `IotHubUnauthorizedAccess`), or the system's (`ENOTFOUND`). */
    readonly reason: string,
    message: string,
    /** Of a 429, when it was told. */
    readonly retryAfterSeconds?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** Whether the same may succeed later: the hub is away, or has had too much. */
  get passes(): boolean {
    return this.status === 0 || this.status === 429 || this.status === 408 || this.status >= 500;
  }
}

const API_VERSION = '2021-04-12';
const TIMEOUT_MS = 30_000;

/** The service API of a hub over HTTPS: the few calls that are needed, signed. Stateless but for the signature. */
export class HubRest {
  private readonly signature: Signature;

  constructor(private readonly access: PolicyAccess) {
    const { hostName, policy, key } = access;
    this.signature = new Signature({ resource: hostOf(hostName).name, policy, key });
  }

  /** Throws `HubFailure` for whatever is no 2xx. The body is undefined where there is none. */
  async request<Body = unknown>(request: HubRequest): Promise<Body> {
    return (await this.exchange<Body>(request)).body;
  }

  /** The same, with the headers of the answer. */
  async exchange<Body = unknown>(request: HubRequest): Promise<HubAnswer<Body>> {
    const { method, path, ifMatch, body, timeoutMs = TIMEOUT_MS } = request;
    const { hostName } = this.access;
    const url = `https://${hostName}${path}${path.includes('?') ? '&' : '?'}api-version=${API_VERSION}`;
    let response: Response;
    let text: string;
    try {
      response = await fetch(url, {
        method,
        headers: {
          ...request.headers,
          authorization: this.signature.at(Math.floor(Date.now() / 1_000)),
          ...(ifMatch === undefined ? {} : { 'if-match': `"${ifMatch}"` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json; charset=utf-8' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      });
      text = await response.text();
    } catch (error) {
      throw away(hostName, error);
    }
    if (!response.ok) throw failureOf(response, text);
    const read: unknown = text === '' ? undefined : JSON.parse(text);
    return { headers: response.headers, body: read as Body }; // as documented for this call
  }
}

/** Of a host name with or without a port. */
export const hostOf = (hostName: string): { readonly name: string; readonly port: number | undefined } => {
  const [name = '', port] = hostName.split(':');
  return { name, port: port === undefined ? undefined : Number(port) };
};

const away = (hostName: string, error: unknown): HubFailure => {
  // fetch hides what happened in the cause of its "fetch failed".
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
  const said = cause instanceof Error ? cause.message : String(cause);
  const reason = code ?? (error instanceof Error ? error.name : 'unknown');
  return new HubFailure(0, reason, `${hostName} does not answer: ${said}`, undefined, { cause: error });
};

/** The hub's message may repeat what was sent; its code does not. */
const failureOf = (response: Response, text: string): HubFailure => {
  const word = response.headers.get('iothub-errorcode') ?? /ErrorCode:\s*(\w+)/.exec(text)?.[1];
  const reason = word ?? response.statusText;
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  return new HubFailure(
    response.status,
    reason,
    `the IoT Hub answered ${response.status} ${reason}`,
    Number.isFinite(retryAfter) ? retryAfter : undefined,
  );
};
