import {
  listMetadataKeys,
  MAX_METADATA_WRITES,
  readMetadata,
  writeMetadata,
  type MetadataWrite,
} from '@muster/contracts/device-registry/metadata.requests';
import {
  decodeMetadataDeletion,
  decodeMetadataRequest,
  decodeMetadataUpdate,
  EMPTY_REPLY,
} from '@muster/kp1';
import type { Bus } from '@muster/messaging';
import { newTrace, withTrace } from '@muster/observability';
import { MicroBatcher, type Batching } from './micro-batcher.js';
import { refuse } from './refusal.js';
import type { RoutedMessage } from './routed-message.js';

/** epmx: a device reads and writes its metadata (10/EPMP). */
export class MetadataRoutes {
  readonly batcher: MicroBatcher<MetadataWrite>;

  constructor(
    private readonly bus: Pick<Bus, 'request'>,
    batching: Batching,
  ) {
    // Over MQTT tried for ever, as telemetry is: a device says it once and believes us.
    this.batcher = new MicroBatcher({
      ...batching,
      name: 'metadata',
      maxItems: MAX_METADATA_WRITES,
      maxBytes: 512 * 1024,
      send: async (writes) => (await bus.request(writeMetadata, { writes }, { timeoutMs: 10_000 })).outcomes,
      ping: ({ tenantId, deviceId }) => bus.request(listMetadataKeys, { tenantId, deviceId }),
    });
  }

  /** The payload is ignored, even garbage (10/EPMP, get keys: MUST). */
  async keys({ entry: { tenantId, deviceId } }: RoutedMessage): Promise<string> {
    const { keys } = await withTrace(newTrace(), () =>
      this.bus.request(listMetadataKeys, { tenantId, deviceId }),
    );
    return JSON.stringify(keys);
  }

  async read({ payload, entry: { tenantId, deviceId } }: RoutedMessage): Promise<string> {
    const request = decodeMetadataRequest(payload);
    const { values } = await withTrace(newTrace(), () =>
      this.bus.request(readMetadata, { tenantId, deviceId, ...request }),
    );
    return JSON.stringify(values);
  }

  update(message: RoutedMessage, mode: 'full' | 'partial'): Promise<string> {
    return this.write(message, { mode, values: decodeMetadataUpdate(message.payload) });
  }

  delete(message: RoutedMessage): Promise<string> {
    return this.write(message, { mode: 'delete', keys: [...decodeMetadataDeletion(message.payload)] });
  }

  private async write(
    { payload, entry, ...waiter }: RoutedMessage,
    change: Omit<MetadataWrite, 'tenantId' | 'deviceId'>,
  ): Promise<string> {
    const { tenantId, deviceId } = entry;
    const write = { tenantId, deviceId, ...change };
    refuse(await this.batcher.add(deviceId, write, payload.length + 256, waiter));
    return EMPTY_REPLY;
  }
}
