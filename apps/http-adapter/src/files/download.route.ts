import { AppError } from '@muster/contracts';
import { resolveDownload } from '@muster/contracts/firmware/requests';
import { sendFile, type FileStore } from '@muster/files';
import type { Bus } from '@muster/messaging';
import type { DeviceRoute } from '../http/device-server.js';
import type { Strangers } from '../http/strangers.js';
import { tokenIn } from './token-in.js';

export interface DownloadParts {
  readonly bus: Pick<Bus, 'request'>;
  readonly store: FileStore;
  readonly strangers: Strangers;
  /** A receiver that takes nothing for so long, in milliseconds, is cut off: it would hold its place for ever. */
  readonly stallTimeoutMs: number;
  /** How often the token of a running download is asked for again, in milliseconds. */
  readonly checkEveryMs: number;
}

/**
 * `GET /firmwares/{id}` with a download token, in `X-Auth-Token` or `?token=`; whole or a range of it, so that a
 * download that broke off goes on. The token is asked for every time, and while the file is on its way: one that was revoked, or
 * whose device was, opens nothing, and ends what it has opened.
 */
export const downloadRoute = ({
  bus,
  store,
  strangers,
  stallTimeoutMs,
  checkEveryMs,
}: DownloadParts): DeviceRoute => ({
  prefix: '/firmwares/',
  exists: (firmwareId) => /^[A-Za-z0-9_-]{1,64}$/.test(firmwareId),
  methods: ['GET', 'HEAD'],
  handle: async (request, response, { rest: firmwareId, query, address, enter }) => {
    const token = tokenIn(request.headers['x-auth-token']) ?? tokenIn(query.get('token'));
    if (token === undefined) throw new AppError('not-allowed', 'the download token is missing or malformed');
    const resolve = () => bus.request(resolveDownload, { token, firmwareId });
    const shown = { address, proof: `download ${token}` };
    const { fileKey, size, sha256, name } = await strangers.known(shown, resolve);
    // An operator's token is shared by all devices of a campaign: it is nobody's.
    enter(undefined);
    response.setTimeout(stallTimeoutMs, () => response.destroy());
    const checking = setInterval(() => {
      resolve().catch((error: unknown) => {
        // Any other fault is ours, and no reason to break off.
        if (error instanceof AppError && error.code === 'not-allowed') response.destroy();
      });
    }, checkEveryMs);
    try {
      await sendFile(request, response, store, { key: fileKey, size, sha256, name });
    } finally {
      clearInterval(checking);
    }
  },
});
