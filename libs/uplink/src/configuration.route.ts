import { AppError } from '@muster/contracts';
import {
  fetchDocument,
  getReportedState,
  reportApplied,
  reportState,
  type AppliedReport,
  type DeviceKey,
  type StateReport,
} from '@muster/contracts/configuration/documents.requests';
import {
  assertName,
  decodeAppliedConfiguration,
  decodeConfigurationRequest,
  decodeStateReport,
  EMPTY_REPLY,
  encodeConfigurationReply,
} from '@muster/kp1';
import type { Bus } from '@muster/messaging';
import { newTrace, withTrace } from '@muster/observability';
import { MicroBatcher, type Batching } from './micro-batcher.js';
import { refuse } from './refusal.js';
import type { RoutedMessage } from './routed-message.js';
import type { Sightings } from './sightings.js';

const MAX_REPORTS = 500;

/** cmx: a device asks for its document, says what it made of it, and how it is. */
export class ConfigurationRoutes {
  readonly batcher: MicroBatcher<AppliedReport>;
  readonly stateBatcher: MicroBatcher<StateReport>;

  constructor(
    private readonly bus: Pick<Bus, 'request'>,
    batching: Batching,
    private readonly sightings: Pick<Sightings, 'tell'>,
  ) {
    const ping = ({ tenantId, deviceId }: DeviceKey) => bus.request(getReportedState, { tenantId, deviceId });
    // Over MQTT tried for ever, as telemetry is: a device says it once and believes us.
    this.batcher = new MicroBatcher<AppliedReport>({
      ...batching,
      name: 'configuration',
      maxItems: MAX_REPORTS,
      maxBytes: 512 * 1024,
      send: async (reports) =>
        (await bus.request(reportApplied, { reports }, { timeoutMs: 10_000 })).outcomes,
      ping,
    });
    this.stateBatcher = new MicroBatcher<StateReport>({
      ...batching,
      name: 'reported state',
      maxItems: MAX_REPORTS,
      maxBytes: 512 * 1024,
      send: async (reports) => (await bus.request(reportState, { reports }, { timeoutMs: 10_000 })).outcomes,
      ping,
    });
  }

  /** Not tried for ever: somebody waits, and asks again. `unavailable` and `deadline-exceeded` are told as 503 and 504. */
  async fetch({ topic, parameters, payload, entry }: RoutedMessage): Promise<string> {
    assertDefault(parameters);
    const request = decodeConfigurationRequest(payload);
    const { tenantId, deviceId } = entry;
    const { appVersion } = topic;
    const document = await withTrace(newTrace(), async () => {
      await this.sightings.tell(entry, appVersion);
      return this.bus.request(fetchDocument, {
        tenantId,
        deviceId,
        appVersion,
        interface: entry.interface,
        ...request,
      });
    });
    return encodeConfigurationReply(document, topic.requestId);
  }

  async applied({ parameters, payload, entry, ...waiter }: RoutedMessage): Promise<string> {
    assertDefault(parameters);
    const report: AppliedReport = {
      tenantId: entry.tenantId,
      deviceId: entry.deviceId,
      interface: entry.interface,
      ...decodeAppliedConfiguration(payload),
    };
    refuse(await this.batcher.add(entry.deviceId, report, payload.length + 256, waiter));
    return EMPTY_REPLY;
  }

  async state({ entry: { tenantId, deviceId } }: RoutedMessage): Promise<string> {
    const { reported } = await withTrace(newTrace(), () =>
      this.bus.request(getReportedState, { tenantId, deviceId }),
    );
    return JSON.stringify(reported);
  }

  async reportState({ payload, entry, ...waiter }: RoutedMessage): Promise<string> {
    const { tenantId, deviceId } = entry;
    const reported = decodeStateReport(payload);
    const report = { tenantId, deviceId, interface: entry.interface, reported };
    refuse(await this.stateBatcher.add(deviceId, report, payload.length + 256, waiter));
    return EMPTY_REPLY;
  }
}

/** RFC 7, named configurations (2025-12-16): the one without a name is called `default`, and there is no other yet. */
const assertDefault = ({ name }: RoutedMessage['parameters']): void => {
  if (name === undefined || name === 'default') return;
  assertName('configuration name', name);
  throw new AppError('not-found', 'no configuration of this name; there is only "default"');
};
