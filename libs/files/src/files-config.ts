import { secretFile, string, url, type ConfigOf } from '@muster/observability';
import { openDirectoryFileStore } from './directory-file-store.js';
import type { FileStore } from './file-store.js';

/** Part of the configuration of every application that touches files: all must name the same place. */
export const filesConfigSchema = {
  files: string({
    env: 'MUSTER_FILES',
    doc: 'Where files lie: a directory that all replicas share, or `s3://<bucket>/<prefix>`',
    default: '.muster/files',
  }),
  filesS3Endpoint: url({
    env: 'MUSTER_FILES_S3_ENDPOINT',
    doc: 'Server that speaks S3; not set: Amazon’s',
    protocols: ['http', 'https'],
    optional: true,
  }),
  filesS3Region: string({
    env: 'MUSTER_FILES_S3_REGION',
    doc: 'Region of the bucket',
    default: 'us-east-1',
  }),
  filesS3AccessKeyId: string({
    env: 'MUSTER_FILES_S3_ACCESS_KEY_ID',
    doc: 'Not set: credentials come from the machine’s role',
    optional: true,
  }),
  filesS3SecretAccessKey: secretFile({
    env: 'MUSTER_FILES_S3_SECRET_ACCESS_KEY_FILE',
    doc: 'Secret that belongs to the access key',
    optional: true,
  }),
};

export type FilesConfig = ConfigOf<typeof filesConfigSchema>;

/** Does not wait for the place to be usable: `ping` tells. */
export const openFileStore = async (config: FilesConfig): Promise<FileStore> => {
  const s3 = /^s3:\/\/([^/]+)\/?(.*)$/.exec(config.files);
  if (s3 === null) return openDirectoryFileStore(config.files);
  const [, bucket = '', path = ''] = s3;
  const { filesS3AccessKeyId: accessKeyId, filesS3SecretAccessKey: secretAccessKey } = config;
  // Only for those who need it: the SDK takes some 20 MB of memory and 100 ms.
  const { openS3FileStore } = await import('./s3-file-store.js');
  return openS3FileStore({
    bucket,
    prefix: path === '' || path.endsWith('/') ? path : `${path}/`,
    region: config.filesS3Region,
    endpoint: config.filesS3Endpoint,
    credentials:
      accessKeyId === undefined || secretAccessKey === undefined
        ? undefined
        : { accessKeyId, secretAccessKey },
  });
};
