import {
  AppError,
  isErrorCode,
  MAX_TELEMETRY_MESSAGES,
  storeSamples,
  type ItemOutcome,
  type TelemetryMessage,
} from '@muster/contracts';
import { decodeTelemetry, EMPTY_REPLY } from '@muster/kp1';
import type { Bus } from '@muster/messaging';
import { arrivalClock } from './arrival-clock.js';
import { MicroBatcher, type Batching } from './micro-batcher.js';
import type { RoutedMessage } from './routes.js';

/** Each sample costs a frame of its own on the bus, whose messages end at 1 MB. */
const MAX_SAMPLES = 10_000;
const MAX_BATCH_BYTES = 512 * 1024;

/** dcx: samples of many devices in one request, answered after the commit. */
export class TelemetryRoute {
  readonly batcher: MicroBatcher<TelemetryMessage>;
  private readonly arrival = arrivalClock();

  constructor(bus: Pick<Bus, 'request'>, batching: Batching) {
    this.batcher = new MicroBatcher({
      ...batching,
      name: 'telemetry',
      maxItems: MAX_TELEMETRY_MESSAGES,
      maxBytes: MAX_BATCH_BYTES,
      final: new Set(['sample-time-out-of-range']),
      send: async (messages) =>
        (await bus.request(storeSamples, { messages }, { timeoutMs: 10_000 })).outcomes,
    });
  }

  async store(routed: RoutedMessage): Promise<string> {
    const { topic, payload, entry, settings, redelivered, duplicate, isWanted } = routed;
    const receivedAt = this.arrival();
    const samples = decodeTelemetry(payload, settings.timestampPath);
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
    refuse(await this.batcher.add(entry.deviceId, message, bytes, isWanted));
    return EMPTY_REPLY;
  }
}

/** Turns a final outcome that is not success into what the device is told. */
export const refuse = ({ code, detail }: ItemOutcome): void => {
  if (code === undefined) return;
  throw new AppError(isErrorCode(code) ? code : 'internal', detail ?? code);
};
