import {
  fetchSoftware,
  getSoftware,
  reportSoftwareApplied,
  type SoftwareReport,
} from '@muster/contracts/firmware/software.requests';
import {
  assertName,
  decodeAppliedConfiguration,
  decodeConfigurationRequest,
  EMPTY_REPLY,
  encodeConfigurationReply,
} from '@muster/kp1';
import type { Bus } from '@muster/messaging';
import { newTrace, withTrace } from '@muster/observability';
import { MicroBatcher, type Batching } from './micro-batcher.js';
import { refuse } from './refusal.js';
import type { RoutedMessage } from './routed-message.js';

const MAX_REPORTS = 500;

/** cmx_ota: the protocol of cmx (7/CMP) with a version for configId and a software for a configuration. */
export class SoftwareRoutes {
  readonly batcher: MicroBatcher<SoftwareReport>;

  constructor(
    private readonly bus: Pick<Bus, 'request'>,
    batching: Batching,
  ) {
    this.batcher = new MicroBatcher({
      ...batching,
      name: 'software',
      maxItems: MAX_REPORTS,
      maxBytes: 512 * 1024,
      send: async (reports) =>
        (await bus.request(reportSoftwareApplied, { reports }, { timeoutMs: 10_000 })).outcomes,
      ping: ({ tenantId, deviceId }) => bus.request(getSoftware, { tenantId, deviceId }),
    });
  }

  async fetch({ topic, parameters, payload, entry }: RoutedMessage): Promise<string> {
    const named = nameOf(parameters);
    const request = decodeConfigurationRequest(payload);
    const { tenantId, deviceId } = entry;
    const document = await withTrace(newTrace(), () =>
      this.bus.request(fetchSoftware, {
        tenantId,
        deviceId,
        interface: entry.interface,
        ...named,
        ...request,
      }),
    );
    return encodeConfigurationReply(document, topic.requestId);
  }

  /** A version nobody knows is no error: python's client reports the ids of its configurations here. */
  async applied({ parameters, payload, entry, ...waiter }: RoutedMessage): Promise<string> {
    const report: SoftwareReport = {
      tenantId: entry.tenantId,
      deviceId: entry.deviceId,
      interface: entry.interface,
      ...nameOf(parameters),
      ...decodeAppliedConfiguration(payload),
    };
    refuse(await this.batcher.add(entry.deviceId, report, payload.length + 256, waiter));
    return EMPTY_REPLY;
  }
}

const nameOf = ({ name }: RoutedMessage['parameters']): { readonly name?: string } => {
  if (name === undefined) return {};
  assertName('software name', name);
  return { name };
};
