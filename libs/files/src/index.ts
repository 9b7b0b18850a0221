export { fileNameIn, safeFileName } from './file-name.js';
export type { ByteRange, FileStore, OpenFile, StoredFile } from './file-store.js';
export { filesConfigSchema, openFileStore, type FilesConfig } from './files-config.js';
export { sendFile, type SentFile } from './send-file.js';
