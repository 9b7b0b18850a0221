import { Controller, Inject } from '@nestjs/common';
import { AppError, DEFAULT_PAGE, type BulkOutcome } from '@muster/contracts';
import {
  cancelCommand,
  claimCommands,
  createCommand,
  dueCommands,
  fetchCommands,
  getCommand,
  listCommands,
  recordCommandsDispatched,
  reportResults,
  type CancelCommand,
  type ClaimCommands,
  type ClaimedCommands,
  type CommandDispatch,
  type CommandPage,
  type CommandRef,
  type CommandView,
  type CreateCommand,
  type DueCommandList,
  type DueCommands,
  type FetchCommands,
  type ListCommands,
  type OutstandingCommand,
  type OutstandingCommands,
  type RecordCommandsDispatched,
  type ReportResults,
} from '@muster/contracts/commands/requests';
import type { DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import { idempotently, type Database, type EventStore } from '@muster/event-store';
import { KnownDevices } from '@muster/known-devices';
import { Handles } from '@muster/messaging';
import { DATABASE, decodeCursor, encodeCursor, EVENT_STORE } from '@muster/service-host';
import { RULES } from '../providers.js';
import { commandQueue, type Limits } from './command-queue.decider.js';
import { CommandTable, type CommandKey } from './command-table.js';
import { ALL_TYPES, commandIdOf, commandOf, queueId } from './names.js';

export interface Rules {
  readonly limits: Limits;
  readonly defaultTtlSeconds: number;
}

/**
 * Load → decide → append → reply. Existence is asked first; a deletion that comes in between finds every stream.
 * Null in an optional field means absent, but in a payload, where null is a value.
 */
@Controller()
export class CommandHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(CommandTable) private readonly table: CommandTable,
    @Inject(KnownDevices) private readonly devices: KnownDevices,
    @Inject(RULES) private readonly rules: Rules,
  ) {}

  @Handles(createCommand)
  async create(request: CreateCommand): Promise<CommandView> {
    await this.devices.assertKnown(request);
    const { idempotencyKey, ...body } = request;
    const { tenantId, deviceId, type, payload, actor } = body;
    const ttlSeconds = body.ttlSeconds ?? this.rules.defaultTtlSeconds;
    return idempotently(this.database, {
      tenantId,
      key: idempotencyKey,
      body: { operation: 'create-command', ...body },
      run: async (tx) => {
        await this.devices.hold(tx, request);
        const { events } = await this.store.execute(commandQueue, {
          tenantId,
          id: queueId(deviceId, type),
          command: {
            type: 'CreateCommand',
            ttlSeconds,
            limits: this.rules.limits,
            at: now(),
            ...(payload === undefined ? {} : { payload }),
          },
          metadata: { actor },
          within: tx,
        });
        const created = events.at(-1);
        if (created?.type !== 'CommandCreated') throw new Error('a command was decided upon and not created');
        const { id: number, createdAt, expiresAt } = created.data;
        return {
          id: commandIdOf(type, number),
          deviceId,
          type,
          number,
          status: 'pending',
          ...(payload === undefined ? {} : { payload }),
          createdAt,
          createdBy: actor,
          expiresAt,
        };
      },
    });
  }

  @Handles(getCommand)
  async get(request: CommandRef): Promise<CommandView> {
    return this.find(keyOf(request), request);
  }

  @Handles(listCommands)
  async list(request: ListCommands): Promise<CommandPage> {
    const { status, type, cursor } = request;
    const [before] = decodeCursor('commands', cursor, [POSITION]) ?? [];
    const limit = request.limit ?? DEFAULT_PAGE;
    await this.devices.assertKnown(request);
    const page = await this.table.list(
      request,
      { status, type, before: before === undefined ? undefined : Number(before), limit },
      new Date(),
    );
    return {
      items: page.items,
      nextCursor: page.before === undefined ? null : encodeCursor('commands', [String(page.before)]),
      ...(request.count === true
        ? { total: await this.table.count(request, { status, type }, new Date()) }
        : {}),
    };
  }

  @Handles(cancelCommand)
  async cancel(request: CancelCommand): Promise<CommandView> {
    const key = keyOf(request);
    const view = await this.find(key, request);
    // The decider knows the last cancellations of a type only, the table knows them all.
    if (view.status === 'cancelled') return view;
    const { tenantId, deviceId, type, number } = key;
    await this.store.execute(commandQueue, {
      tenantId,
      id: queueId(deviceId, type),
      command: { type: 'CancelCommand', id: number, at: now() },
      metadata: { actor: request.actor },
    });
    return this.find(key, request);
  }

  @Handles(fetchCommands)
  async fetch(request: FetchCommands): Promise<OutstandingCommands> {
    await this.devices.assertKnown(request);
    const type = request.type ?? undefined;
    const observe = request.observe ?? undefined;
    if (observe !== undefined) {
      // Said for all types, it also replaces what was said for single ones before.
      const types =
        type === undefined
          ? [ALL_TYPES, ...(await this.table.queuesOf([request])).map((queue) => queue.type)]
          : [type];
      for (const one of new Set(types)) await this.observe(request, one, observe);
    }
    const { items, truncated, unsent } = await this.table.outstanding(
      request,
      {
        type,
        isPushedTo: request.interface != null && request.interface !== 'http',
        pushedSince: observe === true ? (request.reachableAt ?? undefined) : undefined,
      },
      new Date(),
    );
    if (request.interface != null) await this.recordSent(request, request.interface, unsent);
    return { items, truncated };
  }

  @Handles(dueCommands)
  async due({ devices, changed }: DueCommands): Promise<DueCommandList> {
    const { items, askAgain } = await this.table.due(devices, changed === true, new Date());
    return { items, ...(askAgain.length === 0 ? {} : { askAgain }) };
  }

  @Handles(claimCommands)
  async claim({ claims, reason }: ClaimCommands): Promise<ClaimedCommands> {
    return { granted: await this.table.claim(claims, reason) };
  }

  /** One event for the commands of a queue that were sent together. */
  @Handles(recordCommandsDispatched)
  async recordDispatched({ dispatches }: RecordCommandsDispatched): Promise<BulkOutcome> {
    const at = now();
    await this.table.settle(dispatches, at);
    const queues = new Map<string, CommandDispatch[]>();
    for (const one of dispatches) {
      const key = `${one.tenantId} ${queueId(one.deviceId, one.type)} ${one.interface}`;
      queues.set(key, [...(queues.get(key) ?? []), one]);
    }
    const sent = [...queues.values()].map((queue) => queue.filter(({ subscriber }) => subscriber));
    const executed = await this.store.executeMany(
      commandQueue,
      [...queues.values()].map(([first], index) => {
        const { tenantId, deviceId, type, interface: by } = first as CommandDispatch; // a queue begins with one
        return {
          tenantId,
          id: queueId(deviceId, type),
          command: { type: 'RecordSent', ids: (sent[index] ?? []).map(({ id }) => id), interface: by, at },
          metadata: { actor: { kind: 'system', id: `${by}-adapter` } },
        };
      }),
    );
    const errors = new Map(
      [...queues.values()].flatMap((queue, index) => queue.map((one) => [one, executed[index]?.error])),
    );
    return {
      outcomes: dispatches.map((one) => {
        const error = errors.get(one);
        return error === undefined ? {} : { code: error.code, detail: error.detail };
      }),
    };
  }

  /** That a device which asked was given these. It has them whatever becomes of the record: a fault is not its matter. */
  private async recordSent(
    { tenantId, deviceId }: FetchCommands,
    by: DeviceInterface,
    given: readonly OutstandingCommand[],
  ): Promise<void> {
    const at = now();
    await this.store.executeMany(
      commandQueue,
      [...new Set(given.map(({ type }) => type))].map((type) => ({
        tenantId,
        id: queueId(deviceId, type),
        command: {
          type: 'RecordSent',
          ids: given.filter((one) => one.type === type).map(({ id }) => id),
          interface: by,
          at,
        },
        metadata: { actor: { kind: 'system', id: `${by}-adapter` } },
      })),
    );
  }

  @Handles(reportResults)
  async report({ results }: ReportResults): Promise<BulkOutcome> {
    const at = now();
    const executed = await this.store.executeMany(
      commandQueue,
      results.map(({ tenantId, deviceId, type, id, statusCode, reasonPhrase, payload }) => ({
        tenantId,
        id: queueId(deviceId, type),
        command: {
          type: 'ReportResult',
          id,
          statusCode,
          limits: this.rules.limits,
          at,
          // Devices send null for "none".
          ...(reasonPhrase == null ? {} : { reasonPhrase }),
          ...(payload === undefined ? {} : { result: payload }),
        },
        metadata: { actor: { kind: 'device', id: deviceId } },
      })),
    );
    return {
      outcomes: executed.map(({ error }) =>
        error === undefined ? {} : { code: error.code, detail: error.detail },
      ),
    };
  }

  private observe(device: FetchCommands, type: string, observe: boolean): Promise<unknown> {
    const { tenantId, deviceId } = device;
    return this.database.transaction(async (tx) => {
      await this.devices.hold(tx, device);
      await this.store.execute(commandQueue, {
        tenantId,
        id: queueId(deviceId, type),
        command: { type: 'Observe', observe, at: now() },
        metadata: { actor: { kind: 'device', id: deviceId } },
        within: tx,
      });
    });
  }

  private async find(key: CommandKey, device: CommandRef): Promise<CommandView> {
    await this.devices.assertKnown(device);
    return (await this.table.find(key, new Date())) ?? notFound();
  }
}

const keyOf = ({ tenantId, deviceId, commandId }: CommandRef): CommandKey => {
  const command = commandOf(commandId);
  if (command === undefined) return notFound();
  return { tenantId, deviceId, ...command };
};

const notFound = (): never => {
  throw new AppError('command-not-found', 'No such command.');
};

const POSITION = /^\d{1,15}$/;
const now = (): string => new Date().toISOString();
