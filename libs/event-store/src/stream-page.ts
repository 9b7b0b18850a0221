import { streamName } from './aggregate.js';
import type { Queryable } from './append.js';
import type { StreamKey } from './load.js';

/** The streams of an aggregate after `after`, ascending by tenant and id, as many as `limit`: for whoever reads all states. */
export const streamPage = async (
  from: Queryable,
  aggregate: { readonly name: string },
  after: StreamKey | undefined,
  limit: number,
): Promise<StreamKey[]> => {
  const prefix = streamName(aggregate.name, '');
  const { rows } = await from.query<{ tenant_id: string; stream: string }>({
    text: `SELECT tenant_id, stream FROM streams
           WHERE (tenant_id, stream) > ($1, $2) AND starts_with(stream, $3)
           ORDER BY tenant_id, stream LIMIT $4`,
    values: [
      after?.tenantId ?? '',
      after === undefined ? '' : streamName(aggregate.name, after.id),
      prefix,
      limit,
    ],
  });
  return rows.map(({ tenant_id: tenantId, stream }) => ({ tenantId, id: stream.slice(prefix.length) }));
};
