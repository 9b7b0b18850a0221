import { fetchDocument, reportApplied, type AppliedReport } from '@muster/contracts';
import {
  decodeAppliedConfiguration,
  decodeConfigurationRequest,
  EMPTY_REPLY,
  encodeConfigurationReply,
} from '@muster/kp1';
import type { Bus } from '@muster/messaging';
import { newTrace, withTrace } from '@muster/observability';
import { MicroBatcher, type Batching } from './micro-batcher.js';
import type { RoutedMessage } from './routes.js';
import { refuse } from './telemetry.route.js';

const MAX_REPORTS = 500;

/** cmx: a device asks for its document, and says what it made of it. */
export class ConfigurationRoutes {
  readonly batcher: MicroBatcher<AppliedReport>;

  constructor(
    private readonly bus: Pick<Bus, 'request'>,
    batching: Batching,
  ) {
    // Over MQTT tried for ever, as telemetry is: a device says it once and believes us.
    this.batcher = new MicroBatcher({
      ...batching,
      name: 'configuration',
      maxItems: MAX_REPORTS,
      maxBytes: 512 * 1024,
      final: new Set(['device-not-found']),
      send: async (reports) =>
        (await bus.request(reportApplied, { reports }, { timeoutMs: 10_000 })).outcomes,
    });
  }

  /** Not tried for ever: somebody waits, and asks again. `unavailable` and `deadline-exceeded` are told as 503 and 504. */
  async fetch({ topic, payload, entry }: RoutedMessage): Promise<string> {
    const request = decodeConfigurationRequest(payload);
    const { tenantId, deviceId } = entry;
    const document = await withTrace(newTrace(), () =>
      this.bus.request(fetchDocument, { tenantId, deviceId, interface: entry.interface, ...request }),
    );
    return encodeConfigurationReply(document, topic.requestId);
  }

  async applied({ payload, entry, isWanted }: RoutedMessage): Promise<string> {
    const report: AppliedReport = {
      tenantId: entry.tenantId,
      deviceId: entry.deviceId,
      interface: entry.interface,
      ...decodeAppliedConfiguration(payload),
    };
    refuse(await this.batcher.add(entry.deviceId, report, payload.length + 256, isWanted));
    return EMPTY_REPLY;
  }
}
