import type { IncomingMessage } from 'node:http';
import { AppError } from '@muster/contracts';
import { registerUpload, resolveUpload, type UploadView } from '@muster/contracts/firmware/uploads.requests';
import { fileNameIn, type FileStore, type StoredFile } from '@muster/files';
import type { Bus } from '@muster/messaging';
import { answerEmpty } from '../http/answer.js';
import type { DeviceRoute, Visit } from '../http/device-server.js';
import type { Strangers } from '../http/strangers.js';
import { tokenIn } from './token-in.js';
import type { UploadPace } from './upload-pace.js';

export interface UploadParts {
  readonly bus: Pick<Bus, 'request'>;
  readonly store: FileStore;
  /** No pause of the sender may be longer. */
  readonly idleTimeoutMs: number;
  /** Nor may all of it take longer. */
  readonly uploadTimeoutMs: number;
  readonly strangers: Strangers;
  readonly pace: UploadPace;
}

/**
 * bcx: a device uploads a file with a token it got over `bcx/{token}/token`. The file is stored first and registered then;
 * a file whose registration is refused is removed again.
 *
 * `POST binary-data?name=` → 201 with Location, and `POST files/{name}` → 204, where earlier files of that name go.
 */
export const uploadRoute = (parts: UploadParts): DeviceRoute => {
  const store = async (
    request: IncomingMessage,
    named: { readonly name: string; readonly overwrite: boolean },
    { address, enter }: Visit,
  ): Promise<UploadView> => {
    const token = tokenIn(request.headers['x-auth-token']);
    if (token === undefined) throw new AppError('not-allowed', 'X-Auth-Token is missing or malformed');
    const shown = { address, proof: `upload ${token}` };
    const { tenantId, deviceId, maxBytes } = await parts.strangers.known(shown, () =>
      parts.bus.request(resolveUpload, { token }),
    );
    enter(deviceId);
    const name = checkedName(named.name);
    // Told before it is on its way.
    if (Number(request.headers['content-length'] ?? 0) > maxBytes) {
      throw new AppError('payload-too-large', `a file may have at most ${maxBytes} bytes`);
    }
    parts.pace.begin(deviceId);
    const { key: fileKey, size, sha256 } = await received(request, deviceId, maxBytes);
    const contentType = request.headers['content-type']?.slice(0, 255);
    try {
      return await parts.bus.request(registerUpload, {
        tenantId,
        deviceId,
        fileKey,
        size,
        sha256,
        name,
        ...(contentType === undefined ? {} : { contentType }),
        ...(named.overwrite ? { overwrite: true } : {}),
      });
    } catch (error) {
      // Only where it was refused for good. After a lost answer it may be registered, and needs its file.
      if (error instanceof AppError && error.status < 500) {
        await parts.store.remove(fileKey).catch(() => undefined);
      }
      throw error;
    }
  };

  const received = async (
    request: IncomingMessage,
    deviceId: string,
    maxBytes: number,
  ): Promise<StoredFile> => {
    // What came with its head, or while it was looked who it is from, lies there already.
    const before = request.socket.bytesRead - request.readableLength;
    const deadline = setTimeout(() => request.destroy(), parts.uploadTimeoutMs);
    request.setTimeout(parts.idleTimeoutMs, () => request.destroy());
    try {
      return await parts.store.put(request, { maxBytes });
    } finally {
      clearTimeout(deadline);
      request.setTimeout(0);
      parts.pace.received(deviceId, request.socket.bytesRead - before);
    }
  };

  return {
    prefix: '/bcx/api/v1/',
    exists: (rest) => rest === 'binary-data' || FILE_PATH.test(rest),
    methods: ['POST'],
    handle: async (request, response, visit) => {
      const { rest, query } = visit;
      if (rest === 'binary-data') {
        const upload = await store(request, { name: query.get('name') ?? '', overwrite: false }, visit);
        // Of the REST API: devices write here and do not read.
        const location = `/api/v1/devices/${upload.deviceId}/files/${upload.id}`;
        answerEmpty(request, response, 201, { location });
        return;
      }
      const name = FILE_PATH.exec(rest)?.[1] ?? '';
      await store(request, { name: decodedName(name), overwrite: true }, visit);
      answerEmpty(request, response, 204, {});
    },
  };
};

const FILE_PATH = /^files\/([^/]+)$/;

/** Without the folders it may come with: `../../x` is `x`. */
const checkedName = (given: string): string => {
  const { name, wrong } = fileNameIn(given);
  if (wrong !== undefined) throw new AppError('invalid-request', `name ${wrong}`);
  return name;
};

const decodedName = (name: string): string => {
  try {
    return decodeURIComponent(name);
  } catch {
    throw new AppError('invalid-request', 'name must be percent-encoded UTF-8');
  }
};
