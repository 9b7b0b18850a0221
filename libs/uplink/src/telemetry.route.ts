import { AppError } from '@muster/contracts';
import {
  getLatest,
  MAX_TELEMETRY_MESSAGES,
  storeSamples,
  wrongSampleTime,
  type TelemetryMessage,
} from '@muster/contracts/telemetry/requests';
import { decodePlainTelemetry, decodeTelemetry, EMPTY_REPLY, type TelemetrySample } from '@muster/kp1';
import type { Bus } from '@muster/messaging';
import { MicroBatcher, type Batching } from './micro-batcher.js';
import { refuse } from './refusal.js';
import type { RoutedMessage } from './routed-message.js';

/** Each sample costs a frame of its own on the bus, whose messages end at 1 MB. */
const MAX_SAMPLES = 10_000;
const MAX_BATCH_BYTES = 512 * 1024;

/** dcx: samples of many devices in one request, answered after the commit. */
export class TelemetryRoute {
  readonly batcher: MicroBatcher<TelemetryMessage>;

  constructor(bus: Pick<Bus, 'request'>, batching: Batching) {
    this.batcher = new MicroBatcher({
      ...batching,
      name: 'telemetry',
      maxItems: MAX_TELEMETRY_MESSAGES,
      maxBytes: MAX_BATCH_BYTES,
      send: async (messages) =>
        (await bus.request(storeSamples, { messages }, { timeoutMs: 10_000 })).outcomes,
      ping: ({ tenantId, deviceId }) => bus.request(getLatest, { tenantId, deviceId, keys: [] }),
    });
  }

  async store(message: RoutedMessage): Promise<string> {
    const { timestampPath: path, timestampUnit: unit, unsetClock = 'refuse' } = message.settings;
    const nowMicros = Date.now() * 1_000;
    const skipped: string[] = [];
    const judge = (at: number, field: string): number | null | undefined => {
      const fault = wrongSampleTime(at, nowMicros);
      if (fault === undefined) return at;
      if (unsetClock === 'refuse') throw new AppError('sample-time-out-of-range', `${field} ${fault}`);
      if (unsetClock === 'arrival') return null;
      skipped.push(`${field} ${fault}`);
      return undefined;
    };
    const samples = decodeTelemetry(message.payload, { path, unit, judge });
    const reply = await this.keep(message, samples);
    const [first] = skipped;
    if (first === undefined) return reply;
    const others = skipped.length === 1 ? '' : ` (and ${skipped.length - 1} more)`;
    const rest = samples.length === 0 ? 'Nothing is stored' : 'The rest of the message is stored';
    throw new AppError('sample-time-out-of-range', `${first}${others}. ${rest}.`);
  }

  /** Off unless the device type allows it: a path with any metric's name is "relaxed resource path validation" to Kaa. */
  async storePlain(message: RoutedMessage): Promise<string> {
    if (message.settings.plainTelemetry !== true) {
      throw new AppError('not-allowed', 'plain telemetry is not enabled for the device type');
    }
    return this.keep(message, [decodePlainTelemetry(message.parameters['metric'] ?? '', message.payload)]);
  }

  private async keep(
    { topic, payload, arrivedAt: receivedAt, entry, redelivered, duplicate, ...waiter }: RoutedMessage,
    decoded: readonly TelemetrySample[],
  ): Promise<string> {
    const samples = [...decoded];
    if (samples.length === 0) return EMPTY_REPLY;
    if (samples.length > MAX_SAMPLES) {
      throw new AppError('payload-too-large', `payload must have at most ${MAX_SAMPLES} samples`);
    }
    const message = {
      tenantId: entry.tenantId,
      deviceId: entry.deviceId,
      appVersion: topic.appVersion,
      receivedAt,
      redelivered,
      duplicate,
      samples,
    };
    const bytes = payload.length + samples.length * 24 + 256;
    refuse(await this.batcher.add(entry.deviceId, message, bytes, waiter));
    return EMPTY_REPLY;
  }
}
