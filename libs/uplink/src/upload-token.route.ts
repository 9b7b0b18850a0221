import { issueUploadToken } from '@muster/contracts/firmware/uploads.requests';
import type { Bus } from '@muster/messaging';
import { newTrace, withTrace } from '@muster/observability';
import type { RoutedMessage } from './routed-message.js';

/** bcx: leave to upload over HTTP. The payload is ignored; the seed says nothing of one. */
export class UploadTokenRoute {
  constructor(private readonly bus: Pick<Bus, 'request'>) {}

  async issue({ entry: { tenantId, deviceId, tokenId } }: RoutedMessage): Promise<string> {
    const { token } = await withTrace(newTrace(), () =>
      this.bus.request(issueUploadToken, { tenantId, deviceId, tokenId }),
    );
    return JSON.stringify({ token });
  }
}
