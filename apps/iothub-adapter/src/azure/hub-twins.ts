import type { JsonObject } from '@muster/contracts';
import type { HubRest } from './hub-rest.js';

/** A twin as a hub shows it; the fields that we look at. With `$metadata` and `$version`. */
export interface HubTwin {
  readonly etag: string;
  readonly properties: { readonly desired: JsonObject; readonly reported: JsonObject };
}

/** Throws `HubFailure`. */
export const readTwin = (rest: HubRest, id: string): Promise<HubTwin> =>
  rest.request<HubTwin>({ method: 'GET', path: pathOf(id) });

/** Merges into what is desired; null removes. Returns the twin as it is then. Throws `HubFailure`, 412 where the twin is another than with this ETag. */
export const patchDesired = async (
  rest: HubRest,
  id: string,
  etag: string,
  desired: JsonObject,
): Promise<HubTwin> =>
  rest.request<HubTwin>({
    method: 'PATCH',
    path: pathOf(id),
    ifMatch: etag,
    body: { properties: { desired } },
  });

const pathOf = (id: string): string => `/twins/${encodeURIComponent(id)}`;
