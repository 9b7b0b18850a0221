import { deviceJson } from '../hub/device.js';
import type { Hub } from '../hub/hub.js';
import { HubError } from '../hub/hub-error.js';
import { isJsonObject, type Json, type JsonObject } from '../hub/json.js';
import type { QuotaClass } from '../hub/quotas.js';
import type { Right } from '../security/policies.js';

export interface Call {
  readonly hub: Hub;
  /** The device id of the path; empty where there is none. */
  readonly deviceId: string;
  readonly query: URLSearchParams;
  /** Names in small letters. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Json;
}

export interface Route {
  readonly method: string;
  readonly path: RegExp;
  readonly right: Right;
  readonly quota?: QuotaClass;
  handle(call: Call): Answer | Promise<Answer>;
}

const MAX_LISTED = 1_000;
const MAX_QUERIED = 100;

const DEVICE = /^\/devices\/([^/]+)$/;
const TWIN = /^\/twins\/([^/]+)$/;

/** The service API of the hub, `api-version=2021-04-12`, as far as it is simulated. */
export const ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: /^\/devices\/?$/,
    right: 'RegistryRead',
    quota: 'identity',
    handle: ({ hub, query }) => {
      const top = Math.min(Number(query.get('top') ?? MAX_LISTED) || MAX_LISTED, MAX_LISTED);
      return { status: 200, body: [...hub.registry.devices.values()].slice(0, top).map(deviceJson) };
    },
  },
  {
    method: 'POST',
    path: /^\/devices\/?$/,
    right: 'RegistryWrite',
    quota: 'identity',
    handle: ({ hub, body }) => {
      if (!Array.isArray(body) || !body.every(isJsonObject)) {
        throw new HubError('ArgumentInvalid', 'The body is no array of JSON objects');
      }
      const errors = hub.registry.bulk(body);
      return {
        status: errors.length === 0 ? 200 : 400,
        body: {
          isSuccessful: errors.length === 0,
          errors: errors.map((error) => ({ ...error })),
          warnings: [],
        },
      };
    },
  },
  {
    method: 'POST',
    path: /^\/devices\/query$/,
    right: 'ServiceConnect',
    quota: 'query',
    handle: queryDevices,
  },
  {
    method: 'GET',
    path: DEVICE,
    right: 'RegistryRead',
    quota: 'identity',
    handle: ({ hub, deviceId }) => withEtag(deviceJson(hub.registry.get(deviceId))),
  },
  {
    method: 'PUT',
    path: DEVICE,
    right: 'RegistryWrite',
    quota: 'identity',
    handle: ({ hub, deviceId, body, headers }) =>
      withEtag(hub.registry.put(deviceId, body, text(headers['if-match']))),
  },
  {
    method: 'DELETE',
    path: DEVICE,
    right: 'RegistryWrite',
    quota: 'identity',
    handle: ({ hub, deviceId, headers }) => {
      hub.registry.delete(deviceId, text(headers['if-match']));
      return { status: 204 };
    },
  },
  {
    method: 'DELETE',
    path: /^\/devices\/([^/]+)\/commands$/,
    right: 'ServiceConnect',
    handle: ({ hub, deviceId }) => ({
      status: 200,
      body: { deviceId, moduleId: null, totalMessagesPurged: hub.purge(deviceId) },
    }),
  },
  {
    method: 'GET',
    path: TWIN,
    right: 'ServiceConnect',
    quota: 'twinRead',
    handle: ({ hub, deviceId }) => withEtag(hub.twins.get(deviceId)),
  },
  {
    method: 'PATCH',
    path: TWIN,
    right: 'ServiceConnect',
    quota: 'twinUpdate',
    handle: ({ hub, deviceId, body, headers }) =>
      withEtag(hub.twins.patch(deviceId, body, text(headers['if-match']))),
  },
  {
    method: 'PUT',
    path: TWIN,
    right: 'ServiceConnect',
    quota: 'twinUpdate',
    handle: ({ hub, deviceId, body, headers }) =>
      withEtag(hub.twins.replace(deviceId, body, text(headers['if-match']))),
  },
  {
    method: 'POST',
    path: /^\/twins\/([^/]+)\/methods$/,
    right: 'ServiceConnect',
    // Its quota counts blocks, see Hub.
    handle: async ({ hub, deviceId, body }) => {
      const { status, payload } = await hub.invoke(deviceId, body);
      return { status: 200, body: { status, payload } };
    },
  },
  {
    method: 'GET',
    path: /^\/statistics\/devices$/,
    right: 'RegistryRead',
    handle: ({ hub }) => ({ status: 200, body: hub.registry.statistics() }),
  },
  {
    method: 'GET',
    path: /^\/statistics\/service$/,
    right: 'ServiceConnect',
    handle: ({ hub }) => ({ status: 200, body: { connectedDeviceCount: hub.connectedDeviceCount() } }),
  },
];

function queryDevices({ hub, body, headers }: Call): Answer {
  const query = isJsonObject(body) ? body['query'] : undefined;
  if (typeof query !== 'string') throw new HubError('ArgumentInvalid', 'query is no string');
  const wanted = Number(text(headers['x-ms-max-item-count']) ?? MAX_QUERIED);
  const given = text(headers['x-ms-continuation']);
  const after = given ? Buffer.from(given, 'base64url').toString() : undefined;
  const { rows, itemType, continuation } = hub.query(query, {
    maxRows: wanted >= 1 ? Math.min(wanted, MAX_QUERIED) : MAX_QUERIED,
    after,
  });
  return {
    status: 200,
    headers: {
      'x-ms-item-type': itemType,
      ...(continuation === undefined
        ? {}
        : { 'x-ms-continuation': Buffer.from(continuation).toString('base64url') }),
    },
    body: rows,
  };
}

const withEtag = (body: JsonObject): Answer => ({
  status: 200,
  headers: { etag: `"${body['etag'] as string}"` },
  body,
});

const text = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header[0] : header;
