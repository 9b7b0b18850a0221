import { setTimeout as sleep } from 'node:timers/promises';
import { formatRoutingKey, matchesBinding, pushTopic } from '@muster/kp1';
import type { Metrics } from '@muster/observability';
import type { AccessQuestions, DeviceDirectory } from '@muster/uplink';
import type { Downlink } from '../broker/rabbitmq-connection.js';

/** A device to be told something. */
export interface PushTarget {
  readonly tenantId: string;
  readonly deviceId: string;
  /** The version it has just subscribed with, which may be another than is on record. */
  readonly appVersion?: string;
  /** What it has just subscribed to: nothing else is pushed, because whoever else is subscribed has it. Absent: all. */
  readonly patterns?: readonly string[];
}

/** What is said, on `…/{extension}/{token}/{path}/status`. */
export interface Push {
  readonly extension: string;
  readonly path: readonly string[];
  readonly body: string;
}

export interface TokenPushParts {
  readonly directory: Pick<DeviceDirectory, 'admit' | 'entriesOf'>;
  readonly questions: Pick<AccessQuestions, 'learn'>;
  readonly downlink: Pick<Downlink, 'publish'>;
  readonly metrics: Metrics;
  /** Unconfirmed messages at a time: telemetry shares the broker, and shall keep half of it. */
  readonly inFlight: number;
  /** Over a longer time; a few may go at once. */
  readonly perSecond: number;
}

/** What a pause saves up, so that single pushes never wait. */
const BURST_MS = 50;

/** Says things to devices unasked: to each of their usable tokens, QoS 1, on the topic without request id. */
export class TokenPushes {
  private readonly pushes;
  private free: number;
  private readonly waiting: (() => void)[] = [];
  /** When the next push may go, Unix milliseconds. */
  private nextAt = 0;

  constructor(private readonly parts: TokenPushParts) {
    this.free = parts.inFlight;
    this.pushes = parts.metrics.counter('muster_mqtt_pushes_total', 'Pushes to devices', [
      'extension',
      'outcome',
    ]);
  }

  /** Of these, those that have a token here. Throws `unavailable` when one is unknown and cannot be asked for. */
  async reachable<T extends PushTarget>(targets: readonly T[]): Promise<T[]> {
    await this.parts.questions.learn(targets.map(({ deviceId }) => deviceId));
    return targets.filter(({ deviceId }) => this.canReach(deviceId));
  }

  private canReach(deviceId: string): boolean {
    return this.tokensOf(deviceId).length > 0;
  }

  /**
   * Several tokens of one device are several clients that are the device: it has it when one of them was subscribed.
   * undefined: nothing was published, because the device has lost its tokens or what it subscribed to is something else.
   * Rejects with `unavailable` when the broker is away.
   */
  async publish(target: PushTarget, push: Push): Promise<'subscriber' | 'no-subscriber' | undefined> {
    const { patterns } = target;
    const keys = this.tokensOf(target.deviceId)
      .map(({ token, appVersion: known }) => {
        const claimed = target.appVersion;
        const isUsable = claimed !== undefined && this.parts.directory.admit(token, claimed).admitted;
        const appVersion = isUsable ? claimed : known;
        return formatRoutingKey(pushTopic({ appVersion, token, extension: push.extension, path: push.path }));
      })
      .filter((key) => patterns === undefined || patterns.some((pattern) => matchesBinding(pattern, key)));
    if (keys.length === 0) return undefined;
    const routes = await Promise.all(
      keys.map((routingKey) =>
        this.paced(() =>
          this.parts.downlink.publish({ routingKey, body: push.body, qos: 1, mandatory: true }),
        ),
      ),
    );
    const outcome = routes.includes('routed') ? 'subscriber' : 'no-subscriber';
    this.pushes.inc({ extension: push.extension, outcome });
    return outcome;
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
    await this.turn();
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

  private async turn(): Promise<void> {
    const now = Date.now();
    const at = Math.max(this.nextAt, now - BURST_MS);
    this.nextAt = at + 1_000 / this.parts.perSecond;
    if (at > now) await sleep(at - now);
  }
}
