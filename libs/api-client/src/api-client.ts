import createClient, { type Client } from 'openapi-fetch';
import type { paths } from './openapi.js';

export interface ApiClientOptions {
  /** Where the gateway is, without `/api/v1`: `http://localhost:3000`. Empty: where the page came from. */
  readonly baseUrl: string;
  /** Absent: whoever calls is known otherwise, by a cookie. */
  readonly apiKey?: string;
}

/**
 * The REST API, typed by docs/openapi.json: `GET`, `POST` … take a path of the document and what it takes, and resolve with
 * `{data, error, response}`, of which either `data` or `error` (a problem) is there. Rejects only where there is no answer.
 */
export type ApiClient = Client<paths>;

export const createApiClient = ({ baseUrl, apiKey }: ApiClientOptions): ApiClient =>
  createClient<paths>({
    baseUrl,
    // The API takes lists with commas between.
    querySerializer: { array: { style: 'form', explode: false } },
    ...(apiKey === undefined ? {} : { headers: { 'x-api-key': apiKey } }),
  });
