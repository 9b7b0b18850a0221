import type { Queryable } from '@muster/event-store';

/** The device types of the tenant that have these application versions, in the order of `names`; undefined: none has. */
export const knownAppVersions = async (
  from: Queryable,
  tenantId: string,
  names: readonly string[],
): Promise<{ readonly name: string; readonly deviceTypeId: string | undefined }[]> => {
  const { rows } = await from.query<{ name: string; device_type_id: string }>({
    text: 'SELECT name, device_type_id FROM app_versions WHERE name = ANY($2) AND tenant_id = $1',
    values: [tenantId, names],
  });
  const owners = new Map(rows.map((row) => [row.name, row.device_type_id]));
  return names.map((name) => ({ name, deviceTypeId: owners.get(name) }));
};
