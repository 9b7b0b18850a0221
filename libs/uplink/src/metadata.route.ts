import { AppError, isRefused, type ItemOutcome } from '@muster/contracts';
import {
  deleteMetadata,
  listMetadataKeys,
  readMetadata,
  updateMetadata,
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

/** A change of one device's metadata, ready to be asked for. */
interface MetadataWrite {
  readonly tenantId: string;
  readonly deviceId: string;
  readonly ask: () => Promise<unknown>;
}

/** Under way at the same time, per lane: each is a request of its own. */
const MAX_WRITES = 50;

/** Not begun: an earlier write of the device must be tried again first. */
const BEHIND: ItemOutcome = { code: 'unavailable', detail: 'waits for an earlier write of the device' };

/** epmx: a device reads and writes its metadata (10/EPMP). */
export class MetadataRoutes {
  readonly batcher: MicroBatcher<MetadataWrite>;

  constructor(
    private readonly bus: Pick<Bus, 'request'>,
    batching: Batching,
  ) {
    // The contracts are for one device, so there is nothing to put together; what is needed of the batcher is that a write
    // waits while device-registry is away, and that the writes of a device keep their order.
    this.batcher = new MicroBatcher({
      ...batching,
      name: 'metadata',
      maxItems: MAX_WRITES,
      maxBytes: 1024 * 1024,
      send: inOrderPerDevice,
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
    const { tenantId, deviceId } = message.entry;
    const values = decodeMetadataUpdate(message.payload);
    return this.write(message, () => this.bus.request(updateMetadata, { tenantId, deviceId, mode, values }));
  }

  delete(message: RoutedMessage): Promise<string> {
    const { tenantId, deviceId } = message.entry;
    const keys = [...decodeMetadataDeletion(message.payload)];
    return this.write(message, () => this.bus.request(deleteMetadata, { tenantId, deviceId, keys }));
  }

  private async write(
    { payload, entry, ...waiter }: RoutedMessage,
    ask: MetadataWrite['ask'],
  ): Promise<string> {
    const { tenantId, deviceId } = entry;
    const write = { tenantId, deviceId, ask };
    refuse(await this.batcher.add(deviceId, write, payload.length + 256, waiter));
    return EMPTY_REPLY;
  }
}

/** One after the other for each device; after one that must be tried again, the device's later ones are not begun. */
const inOrderPerDevice = async (writes: readonly MetadataWrite[]): Promise<readonly ItemOutcome[]> => {
  const ends = new Map<string, Promise<ItemOutcome>>();
  return Promise.all(
    writes.map(({ deviceId, ask }) => {
      const before = ends.get(deviceId);
      const outcome = (async (): Promise<ItemOutcome> => {
        const last = await before;
        if (last?.code !== undefined && !isRefused(last)) return BEHIND;
        return withTrace(newTrace(), ask).then(() => ({}), outcomeOf);
      })();
      ends.set(deviceId, outcome);
      return outcome;
    }),
  );
};

const outcomeOf = (error: unknown): ItemOutcome => {
  if (error instanceof AppError) return { code: error.code, detail: error.detail };
  throw error;
};
