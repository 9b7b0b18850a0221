import { useQueries, useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { deviceTypesQuery } from '../devices/devices.queries.js';
import { isSecretName } from '../shared/secret.js';
import { SecretContext } from '../shared/value.js';
import { firmwareTypesQuery, typeConfigurationQuery } from './types.queries.js';

/** Where no type is named, so many types are asked for what they say of their keys: each is two calls. */
const MOST_TYPES = 20;

/**
 * Within it, values of secret keys are covered: those by which devices are told a download token, those whose schema says
 * `writeOnly`, and those whose name says so. Of one device type, or of all.
 */
export const SecretKeys = ({
  deviceType,
  children,
}: {
  /** Its name. */
  readonly deviceType: string | undefined;
  readonly children: ReactNode;
}) => {
  const types = useQuery(deviceTypesQuery);
  const asked = (types.data?.items ?? [])
    .filter(({ name }) => deviceType === undefined || name === deviceType)
    .slice(0, MOST_TYPES);
  const tokens = useQueries({ queries: asked.map(({ id }) => firmwareTypesQuery(id)) });
  const schemas = useQueries({ queries: asked.map(({ id }) => typeConfigurationQuery(id)) });
  // A service that is away must not hide every value of a device: then only the names tell. What it is just asked again for one
  // type, it does not know of the others that wait for their turn either.
  const isUnknown = [[types], tokens, schemas].some(
    (some) =>
      some.some(({ isPending }) => isPending) &&
      !some.some(({ isPending, failureCount }) => isPending && failureCount > 0),
  );
  const keys = new Set([
    ...tokens.flatMap(({ data }) => (data?.items ?? []).map(({ tokenKey }) => tokenKey)),
    ...schemas.flatMap(({ data }) =>
      Object.entries(data?.data.keys ?? {}).flatMap(([key, { schema }]) =>
        typeof schema === 'object' && 'writeOnly' in schema && schema.writeOnly === true ? [key] : [],
      ),
    ),
  ]);
  return (
    <SecretContext value={isUnknown ? undefined : (key) => keys.has(key) || isSecretName(key)}>
      {children}
    </SecretContext>
  );
};
