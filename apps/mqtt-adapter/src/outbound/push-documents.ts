import type { BulkOutcome, JsonObject } from '@muster/contracts';
import type { DeviceKey } from '@muster/contracts/configuration/requests';
import { encodeConfigurationPush } from '@muster/kp1';
import type { Logger } from '@muster/observability';
import type { PushTarget, TokenPushes } from './token-pushes.js';

/** `changed`: what they should have is another than before. `reachable`: they have just subscribed. */
export type PushReason = 'changed' | 'reachable';

export interface DueItem extends DeviceKey {
  /** Last level of the topic; absent: it has none. */
  readonly name?: string;
  readonly configId: string;
  readonly config: JsonObject;
}

export interface Dispatch extends DeviceKey {
  readonly name?: string;
  readonly configId: string;
  readonly interface: 'mqtt';
  readonly subscriber: boolean;
  readonly at: string;
}

/** The service that knows which devices are due what (7/CMP): configuration for cmx, firmware for cmx_ota. */
export interface DocumentSource {
  readonly extension: 'cmx' | 'cmx_ota';
  due(
    devices: DeviceKey[],
    reason: PushReason,
  ): Promise<{ readonly items: readonly DueItem[]; readonly askAgain?: readonly DeviceKey[] }>;
  record(dispatches: Dispatch[]): Promise<Recorded>;
}

export interface Recorded extends BulkOutcome {
  /** Devices that were sent a document that was not the current one any more. */
  readonly superseded?: DeviceKey[];
}

export interface DocumentPushParts {
  readonly source: DocumentSource;
  readonly pushes: Pick<TokenPushes, 'reachable' | 'publish'>;
  readonly logger: Logger;
}

const BATCH = 500;
const RECORD_TRIES = 5;
/** Clocks of replicas that disagree could make a dispatch look superseded for as long as they do. */
const MAX_REPAIRS = 5;
const WORTH_ANOTHER_TRY: ReadonlySet<string> = new Set(['concurrent-change', 'unavailable']);

/**
 * Offers devices their current document: asks which of them are due one, publishes it whole to each usable token on the
 * topic without request id, and reports whether anybody was subscribed. Repeating it is harmless: who has applied its
 * document is not due. Throws `unavailable` when the service or the broker is away; nothing is recorded then for those
 * that were not published.
 */
export class DocumentPusher {
  constructor(private readonly parts: DocumentPushParts) {}

  async push(targets: readonly PushTarget[], reason: PushReason): Promise<void> {
    const reachable = await this.parts.pushes.reachable(targets);
    const byDevice = new Map(reachable.map((target) => [`${target.tenantId} ${target.deviceId}`, target]));
    let left: DeviceKey[] = [...byDevice.values()].map(({ tenantId, deviceId }) => ({ tenantId, deviceId }));
    let repairs = MAX_REPAIRS;
    while (left.length > 0) {
      const answer = await this.parts.source.due(left.slice(0, BATCH), reason);
      const superseded = await this.dispatch(answer.items, byDevice);
      if (superseded.length > 0) repairs -= 1;
      left = [...(answer.askAgain ?? []), ...(repairs > 0 ? superseded : []), ...left.slice(BATCH)];
    }
  }

  /**
   * Returns who is due again. Between the question and the push the document may have changed, and another push may have
   * sent the newer one first: what this one sent last would stay.
   */
  private async dispatch(
    items: readonly DueItem[],
    targets: ReadonlyMap<string, PushTarget>,
  ): Promise<DeviceKey[]> {
    const outcomes = await Promise.allSettled(
      items.map((item) => this.dispatchOne(item, targets.get(`${item.tenantId} ${item.deviceId}`) ?? item)),
    );
    const dispatches = outcomes.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
    const superseded = await this.record(dispatches);
    const failed = outcomes.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return superseded;
  }

  /** Gives up after a few tries, which only leaves the record behind the facts: the device has its document. */
  private async record(dispatches: readonly Dispatch[]): Promise<DeviceKey[]> {
    let left = [...dispatches];
    const again: DeviceKey[] = [];
    for (let tries = 0; left.length > 0 && tries < RECORD_TRIES; tries += 1) {
      const { outcomes, superseded = [] } = await this.parts.source.record(left);
      again.push(...superseded);
      left = left.filter((_, index) => WORTH_ANOTHER_TRY.has(outcomes[index]?.code ?? ''));
    }
    if (left.length > 0) this.parts.logger.warn({ devices: left.length }, 'dispatches could not be recorded');
    return again;
  }

  private async dispatchOne(item: DueItem, target: PushTarget): Promise<Dispatch[]> {
    const { tenantId, deviceId, name, configId, config } = item;
    const outcome = await this.parts.pushes.publish(target, {
      extension: this.parts.source.extension,
      path: ['config', 'json', ...(name === undefined ? [] : [name])],
      body: encodeConfigurationPush({ configId, config }),
    });
    if (outcome === undefined) return [];
    return [
      {
        tenantId,
        deviceId,
        ...(name === undefined ? {} : { name }),
        configId,
        interface: 'mqtt',
        subscriber: outcome === 'subscriber',
        at: new Date().toISOString(),
      },
    ];
  }
}
