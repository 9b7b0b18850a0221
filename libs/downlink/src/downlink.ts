import type { Bus } from '@muster/messaging';
import type { Logger, Metrics } from '@muster/observability';
import type { Uplink } from '@muster/uplink';
import { offerApart, PAGE } from './ask-on.js';
import { CommandPusher } from './command-pusher.js';
import { DevicePushes } from './device-pushes.js';
import { configurationSource, DocumentPusher, softwareSource } from './document-pusher.js';
import { OfferQueue } from './offer-queue.js';
import { pushAtStart } from './push-at-start.js';
import type { PushTarget, Wire } from './wire.js';

export interface DownlinkOptions {
  readonly wire: Wire;
  /** Which devices there are, and what opens them. */
  readonly uplink: Pick<Uplink, 'directory' | 'questions' | 'follower'>;
  readonly bus: Bus;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Pushes that are not confirmed yet. */
  readonly inFlight: number;
  readonly perSecond: number;
}

/**
 * Everything that devices of one interface are told unasked: their configuration, the software they may go to, their
 * commands. When something changes `reactorsOf` brings it here; when devices become reachable the adapter says so.
 */
export class Downlink {
  readonly configuration: DocumentPusher;
  readonly software: DocumentPusher;
  readonly commands: CommandPusher;
  /** What somebody has begun to send since then is theirs. */
  private readonly startedAt = new Date().toISOString();
  private readonly queues: readonly { readonly extension: string; readonly queue: OfferQueue }[];

  constructor(private readonly options: DownlinkOptions) {
    const { bus, logger, uplink } = options;
    const pushes = new DevicePushes({ ...options, ...uplink });
    this.configuration = new DocumentPusher({ source: configurationSource(bus), pushes, logger });
    this.software = new DocumentPusher({ source: softwareSource(bus), pushes, logger });
    this.commands = new CommandPusher({ bus, pushes, logger });
    const queueOf = (extension: string, push: (targets: readonly PushTarget[]) => Promise<void>) => ({
      extension,
      queue: new OfferQueue(push, extension, logger),
    });
    // A queue for each, so that one service that is away does not hold up the others.
    this.queues = [
      queueOf('cmx', (targets) => this.configuration.push(targets, 'reachable')),
      queueOf('cmx_ota', (targets) => this.software.push(targets, 'reachable')),
      queueOf('cex', (targets) => this.commands.push(targets, 'reachable')),
    ];
  }

  /** Resolves when it is known which devices come through this door. Before, none would seem to. */
  get ready(): Promise<void> {
    return this.options.uplink.follower.loaded;
  }

  /** Devices of a type that have a token, of whatever door. */
  devicesOfType(tenantId: string, deviceTypeId: string): readonly PushTarget[] {
    return this.options.uplink.directory.devicesOfType(tenantId, deviceTypeId);
  }

  /**
   * Offers each of them the software it may go to, and returns how many could not be, which keeps none of the others from
   * theirs. Throws faults that pass.
   */
  async offerSoftware(targets: readonly PushTarget[]): Promise<number> {
    let leftOut = 0;
    for (let from = 0; from < targets.length; from += PAGE) {
      const some = targets.slice(from, from + PAGE);
      leftOut += await offerApart((these) => this.software.push(these, 'changed'), some, this.options.logger);
    }
    return leftOut;
  }

  /**
   * A device can be reached since `reachableAt`, for what comes on these extensions: it is offered what is due to it there.
   * Resolves when it was, or when it is left to memory because a service is away for long; not any more after `stop`, so
   * that whoever keeps events until they are dealt with gives them to another process. Never rejects.
   */
  async becameReachable(
    target: PushTarget,
    isFor: (extension: string) => boolean = () => true,
  ): Promise<void> {
    const queues = this.queues.filter(({ extension }) => isFor(extension));
    await Promise.all(queues.map(({ queue }) => queue.add(target)));
  }

  /** Once after the start; see `pushAtStart`. Never rejects. */
  async makeUp(signal: AbortSignal): Promise<void> {
    await this.ready;
    const { logger, uplink } = this.options;
    const since = this.startedAt;
    // Side by side: one service that is away does not hold up the others.
    await Promise.all(
      [this.configuration, this.software, this.commands].map((pusher) =>
        pushAtStart({ directory: uplink.directory, pusher, since, logger, signal }),
      ),
    );
  }

  stop(): void {
    for (const { queue } of this.queues) queue.stop();
  }
}
