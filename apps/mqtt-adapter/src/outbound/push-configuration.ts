import { dueDocuments, recordDispatched, type DispatchReport, type DueDocument } from '@muster/contracts';
import { encodeConfigurationPush, formatRoutingKey, pushTopic } from '@muster/kp1';
import type { Bus } from '@muster/messaging';
import type { Logger, Metrics } from '@muster/observability';
import type { DeviceDirectory } from '@muster/uplink';
import type { Downlink } from '../broker/rabbitmq-connection.js';

/** A device to be offered its document; `appVersion` when it just subscribed with another than is on record. */
export interface PushTarget {
  readonly tenantId: string;
  readonly deviceId: string;
  readonly appVersion?: string;
}

export interface PushParts {
  readonly bus: Pick<Bus, 'request'>;
  readonly directory: Pick<DeviceDirectory, 'admit' | 'entriesOf'>;
  readonly downlink: Pick<Downlink, 'publish'>;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Unconfirmed messages at a time: telemetry shares the broker, and shall keep half of it. */
  readonly inFlight: number;
}

const BATCH = 500;
const RECORD_TRIES = 5;
const WORTH_ANOTHER_TRY: ReadonlySet<string> = new Set(['concurrent-change', 'unavailable']);

/**
 * Offers devices their current document: asks which of them are due one, publishes it whole to each usable token on the
 * topic without request id, and reports whether anybody was subscribed. Repeating it is harmless: who has applied its
 * document is not due. Throws `unavailable` when the service or the broker is away; nothing is recorded then for those
 * that were not published.
 */
export class ConfigurationPusher {
  private readonly pushes;
  private free: number;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly parts: PushParts) {
    this.free = parts.inFlight;
    this.pushes = parts.metrics.counter('muster_mqtt_pushes_total', 'Documents pushed to devices', [
      'outcome',
    ]);
  }

  async push(targets: readonly PushTarget[]): Promise<void> {
    const byDevice = new Map(
      targets
        .filter(({ deviceId }) => this.tokensOf(deviceId).length > 0)
        .map((target) => [`${target.tenantId} ${target.deviceId}`, target]),
    );
    let left = [...byDevice.values()].map(({ tenantId, deviceId }) => ({ tenantId, deviceId }));
    while (left.length > 0) {
      const devices = left.slice(0, BATCH);
      const answer = await this.parts.bus.request(dueDocuments, { devices }, { timeoutMs: 5_000 });
      await this.dispatch(answer.items, byDevice);
      left = [...(answer.askAgain ?? []), ...left.slice(BATCH)];
    }
  }

  private async dispatch(
    items: readonly DueDocument[],
    targets: ReadonlyMap<string, PushTarget>,
  ): Promise<void> {
    const outcomes = await Promise.allSettled(
      items.map((item) => this.dispatchOne(item, targets.get(`${item.tenantId} ${item.deviceId}`))),
    );
    const dispatches = outcomes.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
    await this.record(dispatches);
    const failed = outcomes.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** Gives up after a few tries, which only leaves the record behind the facts: the device has its document. */
  private async record(dispatches: readonly DispatchReport[]): Promise<void> {
    let left = [...dispatches];
    for (let tries = 0; left.length > 0 && tries < RECORD_TRIES; tries += 1) {
      const { outcomes } = await this.parts.bus.request(
        recordDispatched,
        { dispatches: left },
        { timeoutMs: 5_000 },
      );
      left = left.filter((_, index) => WORTH_ANOTHER_TRY.has(outcomes[index]?.code ?? ''));
    }
    if (left.length > 0) this.parts.logger.warn({ devices: left.length }, 'dispatches could not be recorded');
  }

  /** Several tokens of one device are several clients that are the device: it has it when one of them was subscribed. */
  private async dispatchOne(item: DueDocument, target: PushTarget | undefined): Promise<DispatchReport[]> {
    const { tenantId, deviceId, configId, config } = item;
    const tokens = this.tokensOf(deviceId);
    if (tokens.length === 0) return []; // lost them in between
    const body = encodeConfigurationPush({ configId, config });
    const routes = await Promise.all(
      tokens.map(async ({ token, appVersion }) => {
        const claimed = target?.appVersion;
        const version =
          claimed !== undefined && this.parts.directory.admit(token, claimed).admitted ? claimed : appVersion;
        const topic = pushTopic({ appVersion: version, extension: 'cmx', token, path: ['config', 'json'] });
        return this.paced(() =>
          this.parts.downlink.publish({ routingKey: formatRoutingKey(topic), body, qos: 1, mandatory: true }),
        );
      }),
    );
    const subscriber = routes.includes('routed');
    this.pushes.inc({ outcome: subscriber ? 'subscriber' : 'no-subscriber' });
    return [{ tenantId, deviceId, configId, interface: 'mqtt', subscriber, at: new Date().toISOString() }];
  }

  private tokensOf(deviceId: string) {
    return this.parts.directory
      .entriesOf(deviceId)
      .filter(
        ({ interface: used, tokenStatus }) =>
          used === 'mqtt' && (tokenStatus === 'active' || tokenStatus === 'inactive'),
      );
  }

  private async paced<T>(work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.free += 1;
      else next();
    }
  }
}
