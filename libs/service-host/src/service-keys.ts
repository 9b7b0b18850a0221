import { consumerKeys } from '@muster/messaging';
import { int, processKeys, secretFile, url, urls } from '@muster/observability';

/** The configuration every service with a database has; `prefix` as in `MUSTER_<prefix>_POOL_SIZE`. */
export const serviceKeys = ({
  prefix,
  schema,
  streamMaxAgeHours = 168,
}: {
  readonly prefix: string;
  readonly schema: string;
  readonly streamMaxAgeHours?: number;
}) => ({
  databaseUrl: url({
    env: 'MUSTER_DATABASE_URL',
    doc: `PostgreSQL; waits until its schema \`${schema}\` is migrated`,
    protocols: ['postgres', 'postgresql'],
  }),
  natsUrl: urls({
    env: 'MUSTER_NATS_URL',
    doc: 'The bus; of a cluster, several servers',
    protocols: ['nats', 'tls'],
  }),
  natsCredentials: secretFile({
    env: 'MUSTER_NATS_CREDENTIALS_FILE',
    doc: 'Credentials file (.creds) for a NATS server that asks for one',
    optional: true,
  }),
  streamReplicas: int({
    env: 'MUSTER_NATS_STREAM_REPLICAS',
    doc: 'How many servers of a NATS cluster keep each stream; best 3, and the same for all services. Not set: one, and a stream that has more keeps them',
    unit: 'servers',
    min: 1,
    max: 5,
    optional: true,
  }),
  publicUrl: url({
    env: 'MUSTER_PUBLIC_URL',
    doc: 'Where others reach the REST API; published events name their schema by it. Not set: they name none',
    protocols: ['http', 'https'],
    optional: true,
  }),
  ...processKeys,
  ...consumerKeys,
  poolSize: int({
    env: `MUSTER_${prefix}_POOL_SIZE`,
    doc: 'Connections to PostgreSQL, besides the one of the relay',
    unit: 'connections',
    min: 2,
    max: 100,
    default: 8,
  }),
  streamMaxAgeHours: int({
    env: `MUSTER_${prefix}_STREAM_MAX_AGE_HOURS`,
    doc: 'How long what is published can be read again',
    unit: 'hours',
    min: 1,
    default: streamMaxAgeHours,
  }),
  streamMaxBytes: int({
    env: `MUSTER_${prefix}_STREAM_MAX_BYTES`,
    doc: 'Size of the stream of what is published; the oldest give way',
    unit: 'bytes',
    min: 1_048_576,
    default: 1_073_741_824,
  }),
});
