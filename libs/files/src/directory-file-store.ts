import { constants } from 'node:fs';
import { access, chmod, mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { AppError, newId } from '@muster/contracts';
import { checkedKey, fileNotFound, storageFull, storeUnavailable } from './file-key.js';
import type { ByteRange, FileStore, OpenFile, StoredFile } from './file-store.js';
import { metered } from './metered.js';

/** Where files grow until they are whole. Inside the directory, because only within one file system a rename is atomic. */
const INCOMING = 'incoming';
/** An upload this silent belongs to a process that was killed. Far above any pause of one that lives. */
const ABANDONED_AFTER_MS = 24 * 3_600_000;
const READ_BYTES = 256 * 1024;
/** For nobody but us, whatever the umask: what devices upload is nobody else's on the machine. */
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

/**
 * Files in a directory; with several replicas a volume that all of them mount. Makes the directory when it is missing, now
 * and never later: should the volume vanish, files must not pile up below its mount point.
 */
export const openDirectoryFileStore = async (directory: string): Promise<FileStore> => {
  const store = new DirectoryFileStore(directory);
  // A directory that cannot be used yet shows in `ping`; it is no reason not to start.
  await store.prepare().catch(() => undefined);
  return store;
};

class DirectoryFileStore implements FileStore {
  private readonly incoming: string;

  constructor(private readonly directory: string) {
    this.incoming = join(directory, INCOMING);
  }

  async prepare(): Promise<void> {
    await makeFolder(this.directory);
    await makeFolder(this.incoming);
    for (const name of await readdir(this.directory)) {
      // A shelf of before there were modes. On a volume that is not ours the modes are its owner's.
      if (/^[0-9a-f]{2}$/.test(name)) {
        await chmod(join(this.directory, name), FOLDER_MODE).catch(() => undefined);
      }
    }
    const newest = Date.now() - ABANDONED_AFTER_MS;
    for (const name of await readdir(this.incoming)) {
      const path = join(this.incoming, name);
      // Another replica may be cleaning up as well.
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }));
      if (mtimeMs < newest) await rm(path, { force: true });
    }
  }

  async put(source: Readable, { maxBytes }: { readonly maxBytes: number }): Promise<StoredFile> {
    const key = newId();
    const growing = join(this.incoming, key);
    const { bytes, size, sha256 } = metered(source, maxBytes);
    try {
      const file = await open(growing, 'wx', FILE_MODE);
      try {
        await file.chmod(FILE_MODE);
        for await (const chunk of bytes) await file.writeFile(chunk); // at the current position, all of it
        // Without it a power cut leaves a whole name on half a file.
        await file.sync();
      } finally {
        await file.close();
      }
      const shelf = this.shelfOf(key);
      await makeFolder(shelf);
      await rename(growing, join(shelf, key));
      await syncDirectory(shelf);
      return { key, size: size(), sha256: sha256() };
    } catch (error) {
      await rm(growing, { force: true }).catch(() => undefined);
      throw asWriteFault(error);
    }
  }

  async open(key: string, range?: ByteRange): Promise<OpenFile> {
    let file: FileHandle | undefined;
    try {
      file = await open(this.pathOf(key), 'r');
      const { size } = await file.stat();
      return { stream: file.createReadStream({ ...range, highWaterMark: READ_BYTES }), size };
    } catch (error) {
      await file?.close();
      throw asReadFault(error);
    }
  }

  async size(key: string): Promise<number> {
    try {
      return (await stat(this.pathOf(key))).size;
    } catch (error) {
      throw asReadFault(error);
    }
  }

  async remove(key: string): Promise<void> {
    try {
      await rm(this.pathOf(key), { force: true });
    } catch (error) {
      throw asReadFault(error);
    }
  }

  async ping(): Promise<void> {
    try {
      await access(this.incoming, constants.W_OK);
    } catch (error) {
      throw asWriteFault(error);
    }
  }

  close(): void {
    // Nothing is held open between calls.
  }

  private pathOf(key: string): string {
    return join(this.shelfOf(checkedKey(key)), key);
  }

  /** By the last two digits: the first ones of a key are its time, and would put all files of a month on one shelf. */
  private shelfOf(key: string): string {
    return join(this.directory, key.slice(-2));
  }
}

/** Its mode is set where we make it, and where it is ours. */
const makeFolder = async (path: string): Promise<void> => {
  await mkdir(path, { recursive: true, mode: FOLDER_MODE });
  await chmod(path, FOLDER_MODE).catch(() => undefined);
};

/** The rename itself must survive a power cut too: the caller will say that the file is stored. */
const syncDirectory = async (path: string): Promise<void> => {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
};

/** Writing never misses a file: what is missing is the directory. */
const asWriteFault = (error: unknown): unknown => {
  const code = codeOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') return storageFull(error);
  return code === undefined ? error : storeUnavailable(error);
};

const asReadFault = (error: unknown): unknown => {
  const code = codeOf(error);
  if (code === 'ENOENT') return fileNotFound(error);
  return code === undefined ? error : storeUnavailable(error);
};

/** Undefined for what is not a fault of the operating system. */
const codeOf = (error: unknown): string | undefined => {
  if (error instanceof AppError || typeof error !== 'object' || error === null) return undefined;
  const code: unknown = Reflect.get(error, 'code');
  return typeof code === 'string' ? code : undefined;
};
