import { useQueries, useQuery } from '@tanstack/react-query';
import { deviceTypesQuery } from '../devices/devices.queries.js';
import { firmwareTypesQuery } from './types.queries.js';

/** Where no type is named, the keys of so many types are asked for: each is a call. */
const MOST_TYPES = 20;

/** The keys by which devices are told a download token: of one device type, or of all. Undefined: not known yet. */
export const useTokenKeys = (deviceType: string | undefined): readonly string[] | undefined => {
  const types = useQuery(deviceTypesQuery);
  const asked = (types.data?.items ?? [])
    .filter(({ name }) => deviceType === undefined || name === deviceType)
    .slice(0, MOST_TYPES);
  const firmwareTypes = useQueries({ queries: asked.map(({ id }) => firmwareTypesQuery(id)) });
  if (types.isPending || firmwareTypes.some(({ isPending }) => isPending)) return undefined;
  return firmwareTypes.flatMap(({ data }) => (data?.items ?? []).map(({ tokenKey }) => tokenKey));
};
