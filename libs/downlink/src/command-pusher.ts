import {
  claimCommands,
  dueCommands,
  recordCommandsDispatched,
  type ClaimCommands,
  type CommandDispatch,
  type DueCommand,
  type DueCommandList,
  type DueCommandsOf,
} from '@muster/contracts/commands/requests';
import { encodeCommands } from '@muster/kp1';
import type { Bus } from '@muster/messaging';
import type { Logger } from '@muster/observability';
import { askOn } from './ask-on.js';
import type { DevicePushes, Pushed } from './device-pushes.js';
import type { PushReason } from './document-pusher.js';
import { recordAll } from './record.js';
import type { Push, PushTarget } from './wire.js';

export interface CommandTarget extends PushTarget {
  /** Ids (`<type>:<number>`) of commands that are new. Absent: all that are outstanding. */
  readonly created?: ReadonlySet<string>;
}

export interface CommandPushParts {
  readonly bus: Pick<Bus, 'request'>;
  readonly pushes: Pick<DevicePushes, 'interface' | 'reachable' | 'covers' | 'publish'>;
  readonly logger: Logger;
}

/** Of one message; devices have little memory. A single command may be larger. */
const MAX_PUSH_BYTES = 64 * 1024;
const MOST = 500;
const DEADLINE = { timeoutMs: 5_000 };

/**
 * Sends devices their outstanding commands at `command/{type}`, unless they have asked not to (`observe: false`,
 * which commands knows). Offered again whenever they have become reachable, for as long as they are outstanding (11/CEP: the
 * device tells repetitions by the id), but not at the creation of others. Each is claimed before it is sent: a device that
 * asks, or becomes reachable, at the moment of a command's creation would get it for each reason. Throws `unavailable` when
 * commands or the wire is away.
 */
export class CommandPusher {
  constructor(private readonly parts: CommandPushParts) {}

  /** `changed`: only what was not sent to anybody yet. */
  async push(targets: readonly CommandTarget[], reason: PushReason): Promise<void> {
    const byDevice = new Map<string, CommandTarget>();
    for (const target of await this.parts.pushes.reachable(targets, 'cex')) {
      const key = keyOf(target);
      const known = byDevice.get(key);
      byDevice.set(key, known === undefined ? target : { ...target, ...createdIn(known, target) });
    }
    await askOn<DueCommandsOf, DueCommandList>(
      [...byDevice.values()].map(keyAndSince),
      (devices) => this.parts.bus.request(dueCommands, { devices, changed: reason === 'changed' }, DEADLINE),
      async ({ items }) => {
        const wanted = items.filter((item) => isWanted(item, byDevice.get(keyOf(item))));
        const isNew = (item: DueCommand) => byDevice.get(keyOf(item))?.created !== undefined;
        await this.send(
          wanted.filter((item) => !isNew(item)),
          reason,
          byDevice,
        );
        await this.send(wanted.filter(isNew), 'creation', byDevice);
        return [];
      },
    );
  }

  private async send(
    items: readonly DueCommand[],
    reason: ClaimCommands['reason'],
    targets: ReadonlyMap<string, CommandTarget>,
  ): Promise<void> {
    const { pushes } = this.parts;
    const targetOf = (item: DueCommand) => targets.get(keyOf(item)) ?? item;
    const covered = items.filter((item) => pushes.covers(targetOf(item), pushOf([item])));
    const claimed = await this.claim(covered, reason, targetOf);
    const dispatches = new Map<DueCommand, CommandDispatch>();
    const outcomes = await Promise.allSettled(
      messagesOf(claimed).map(async (commands) => {
        const [first] = commands;
        if (first === undefined) return;
        for (const one of commands) dispatches.set(one, this.dispatchOf(one));
        const pushed = await pushes.publish(targetOf(first), pushOf(commands));
        for (const one of commands) dispatches.set(one, this.dispatchOf(one, pushed));
      }),
    );
    await this.record([...dispatches.values()]);
    const failed = outcomes.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  private dispatchOf({ tenantId, deviceId, type, id }: DueCommand, pushed?: Pushed): CommandDispatch {
    const { interface: by } = this.parts.pushes;
    return { tenantId, deviceId, type, id, interface: by, subscriber: false, ...pushed };
  }

  private async claim(
    items: readonly DueCommand[],
    reason: ClaimCommands['reason'],
    targetOf: (item: DueCommand) => CommandTarget,
  ): Promise<DueCommand[]> {
    const claimed: DueCommand[] = [];
    for (let from = 0; from < items.length; from += MOST) {
      const some = items.slice(from, from + MOST);
      const claims = some.map((item) => ({
        ...keyAndSince({ ...targetOf(item), ...item }),
        type: item.type,
        id: item.id,
      }));
      const { granted } = await this.parts.bus.request(claimCommands, { claims, reason }, DEADLINE);
      claimed.push(...some.filter((_, index) => granted[index] === true));
    }
    return claimed;
  }

  /**
   * Who is sent what again after a start depends on this. A record that fails is left out: to fail here would send the same
   * commands once more, at each try.
   */
  private async record(dispatches: readonly CommandDispatch[]): Promise<void> {
    const { bus, logger } = this.parts;
    const tell = (some: CommandDispatch[]) =>
      bus.request(recordCommandsDispatched, { dispatches: some }, DEADLINE);
    try {
      await recordAll(dispatches, tell, logger);
    } catch (error) {
      logger.warn(
        { err: error, commands: dispatches.length },
        'what became of commands could not be recorded',
      );
    }
  }
}

const pushOf = (commands: readonly DueCommand[]): Push => ({
  extension: 'cex',
  path: ['command', commands[0]?.type ?? ''],
  body: encodeCommands(commands, false),
  ...(commands[0]?.expiresAt === undefined ? {} : { expiresAt: commands[0].expiresAt }),
});

const keyAndSince = ({ tenantId, deviceId, reachableAt }: PushTarget): DueCommandsOf => ({
  tenantId,
  deviceId,
  ...(reachableAt === undefined ? {} : { reachableAt }),
});

const isWanted = (item: DueCommand, target: CommandTarget | undefined): boolean =>
  target?.created === undefined || target.created.has(`${item.type}:${item.id}`);

const keyOf = ({ tenantId, deviceId }: PushTarget): string => `${tenantId} ${deviceId}`;

/** All new ones of a device; a target without any wants everything. */
const createdIn = (one: CommandTarget, other: CommandTarget): { created: CommandTarget['created'] } => ({
  created:
    one.created === undefined || other.created === undefined
      ? undefined
      : new Set([...one.created, ...other.created]),
});

/**
 * One message per device and type, in the order given, cut where it would become too large. Those in one message expire
 * together, because the message does.
 */
const messagesOf = (items: readonly DueCommand[]): readonly DueCommand[][] => {
  const open = new Map<string, { readonly commands: DueCommand[]; bytes: number }>();
  const messages: DueCommand[][] = [];
  for (const item of items) {
    const key = `${keyOf(item)} ${item.type} ${item.expiresAt}`;
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
