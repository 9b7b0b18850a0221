import {
  dueCommands,
  recordCommandsDispatched,
  type CommandDispatch,
  type DueCommand,
  type DueCommandList,
  type DueCommandsOf,
} from '@muster/contracts/commands/requests';
import { encodeCommands } from '@muster/kp1';
import type { Bus } from '@muster/messaging';
import type { Logger } from '@muster/observability';
import { askOn } from './ask-on.js';
import type { DevicePushes } from './device-pushes.js';
import type { PushReason } from './document-pusher.js';
import { recordAll } from './record.js';
import type { PushTarget } from './wire.js';

export interface CommandTarget extends PushTarget {
  /** Ids (`<type>:<number>`) of commands that are new. Absent: all that are outstanding. */
  readonly created?: ReadonlySet<string>;
}

export interface CommandPushParts {
  readonly bus: Pick<Bus, 'request'>;
  readonly pushes: Pick<DevicePushes, 'interface' | 'reachable' | 'publish'>;
  readonly logger: Logger;
  readonly now?: () => number;
}

/** Of one message; devices have little memory. A single command may be larger. */
const MAX_PUSH_BYTES = 64 * 1024;
const RECENT_MS = 10_000;
const MAX_RECENT = 50_000;

/**
 * Sends devices their outstanding commands at `command/{type}`, unless they have asked not to (`observe: false`,
 * which commands knows). Offered again whenever they have become reachable, for as long as they are pending (11/CEP: the device
 * tells repetitions by the id), but not at the creation of others. Throws `unavailable` when commands or the wire is away.
 */
export class CommandPusher {
  /** What somebody was there for, and when. */
  private readonly recent = new Map<string, number>();

  constructor(private readonly parts: CommandPushParts) {}

  /** `changed`: only what was not sent to anybody yet. */
  async push(targets: readonly CommandTarget[], reason: PushReason): Promise<void> {
    const byDevice = new Map<string, CommandTarget>();
    for (const target of await this.parts.pushes.reachable(targets)) {
      const key = keyOf(target);
      const known = byDevice.get(key);
      byDevice.set(key, known === undefined ? target : { ...target, ...createdIn(known, target) });
    }
    await askOn<DueCommandsOf, DueCommandList>(
      [...byDevice.values()].map(({ tenantId, deviceId }) => ({ tenantId, deviceId })),
      (devices) =>
        this.parts.bus.request(dueCommands, { devices, changed: reason === 'changed' }, { timeoutMs: 5_000 }),
      async ({ items }) => {
        await this.send(items, byDevice);
        return [];
      },
    );
  }

  private async send(
    items: readonly DueCommand[],
    targets: ReadonlyMap<string, CommandTarget>,
  ): Promise<void> {
    const wanted = items.filter((item) => this.isWanted(item, targets.get(keyOf(item))));
    const sent: DueCommand[] = [];
    const outcomes = await Promise.allSettled(
      messagesOf(wanted).map(async (commands) => {
        const [first] = commands;
        if (first === undefined) return;
        const outcome = await this.parts.pushes.publish(targets.get(keyOf(first)) ?? first, {
          extension: 'cex',
          path: ['command', first.type],
          body: encodeCommands(commands, false),
        });
        if (outcome !== 'subscriber') return;
        for (const command of commands) this.remember(command);
        sent.push(...commands);
      }),
    );
    await this.record(sent);
    const failed = outcomes.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /**
   * Who is sent what again after a start depends on this. A record that fails is left out: to fail here would send the same
   * commands once more, at each try.
   */
  private async record(sent: readonly DueCommand[]): Promise<void> {
    const { bus, pushes, logger } = this.parts;
    const dispatches = sent.map(({ tenantId, deviceId, type, id }): CommandDispatch => ({
      tenantId,
      deviceId,
      type,
      id,
      interface: pushes.interface,
      subscriber: true,
    }));
    const tell = (some: CommandDispatch[]) =>
      bus.request(recordCommandsDispatched, { dispatches: some }, { timeoutMs: 5_000 });
    try {
      await recordAll(dispatches, tell, logger);
    } catch (error) {
      logger.warn({ err: error, commands: sent.length }, 'that commands were sent could not be recorded');
    }
  }

  /**
   * A device that becomes reachable at the moment of a command's creation would get it for both reasons. What it was sent
   * because it became reachable is not sent again because it was created; the other way round it is: who is reachable now
   * need not be who got it.
   */
  private isWanted(item: DueCommand, target: CommandTarget | undefined): boolean {
    if (target?.created === undefined) return true;
    if (!target.created.has(`${item.type}:${item.id}`)) return false;
    const sentAt = this.recent.get(commandKey(item));
    return sentAt === undefined || sentAt + RECENT_MS < this.now();
  }

  private remember(item: DueCommand): void {
    const key = commandKey(item);
    this.recent.delete(key);
    const oldest = this.recent.keys().next();
    if (this.recent.size >= MAX_RECENT && oldest.done !== true) this.recent.delete(oldest.value);
    this.recent.set(key, this.now());
  }

  private now(): number {
    return (this.parts.now ?? Date.now)();
  }
}

const keyOf = ({ tenantId, deviceId }: PushTarget): string => `${tenantId} ${deviceId}`;

const commandKey = (item: DueCommand): string => `${keyOf(item)} ${item.type}:${item.id}`;

/** All new ones of a device; a target without any wants everything. */
const createdIn = (one: CommandTarget, other: CommandTarget): { created: CommandTarget['created'] } => ({
  created:
    one.created === undefined || other.created === undefined
      ? undefined
      : new Set([...one.created, ...other.created]),
});

/** One message per device and type, in the order given, cut where it would become too large. */
const messagesOf = (items: readonly DueCommand[]): readonly DueCommand[][] => {
  const open = new Map<string, { readonly commands: DueCommand[]; bytes: number }>();
  const messages: DueCommand[][] = [];
  for (const item of items) {
    const key = `${keyOf(item)} ${item.type}`;
    const bytes = Buffer.byteLength(JSON.stringify(item));
    const message = open.get(key);
    if (message !== undefined && message.bytes + bytes <= MAX_PUSH_BYTES) {
      message.commands.push(item);
      message.bytes += bytes;
    } else {
      const commands = [item];
      messages.push(commands);
      open.set(key, { commands, bytes });
    }
  }
  return messages;
};
