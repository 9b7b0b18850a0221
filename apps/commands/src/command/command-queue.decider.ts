import { AppError, type JsonValue } from '@muster/contracts';
import type { DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import { assertAcceptable, assertStorable, storable, storableText } from './acceptable-payload.js';
import type { CommandEvent, CommandExpired, DeviceAnswer } from './command-queue.events.js';

/**
 * The commands of one type to one device. One stream per (device, type), because there the ids that the device sees are
 * unique (11/CEP): the decider gives them out itself, without a race.
 *
 * Survives JSON, and stays small however many commands there were: payloads and finished commands are in the projection.
 * An id below `nextId` that is not outstanding is finished.
 */
export interface CommandQueue {
  /** True: the device was deleted, the stream takes no more events. */
  readonly ended: boolean;
  readonly nextId: number;
  /** null: the device never said. */
  readonly observe: boolean | null;
  /** By id, which is by age. */
  readonly outstanding: readonly Outstanding[];
  /** The last `REMEMBERED` ids that were cancelled, so that the repetition of a cancellation is known for one. */
  readonly cancelled: readonly number[];
  /** The last `UNANSWERED` ids that ended without an answer: an answer to one of them is late. */
  readonly unanswered: readonly number[];
}

interface Outstanding {
  readonly id: number;
  readonly expiresAt: string;
  /** Absent: it was not sent to anybody yet, as far as is known. */
  readonly sent?: true;
}

export const initial: CommandQueue = {
  ended: false,
  nextId: 1,
  observe: null,
  outstanding: [],
  cancelled: [],
  unanswered: [],
};

export interface Limits {
  /** Of one payload or result, as JSON in UTF-8. */
  readonly payloadBytes: number;
  /** Commands of one type to one device. */
  readonly outstanding: number;
  readonly ttlSeconds: number;
}

export interface CreateCommand {
  readonly type: 'CreateCommand';
  readonly payload?: JsonValue;
  readonly ttlSeconds: number;
  readonly limits: Limits;
  readonly at: string;
}

/** The device says what became of a command. */
export interface ReportResult {
  readonly type: 'ReportResult';
  readonly id: number;
  readonly statusCode: number;
  readonly reasonPhrase?: string;
  readonly result?: JsonValue;
  readonly limits: Limits;
  readonly at: string;
}

export interface CancelCommand {
  readonly type: 'CancelCommand';
  readonly id: number;
  readonly at: string;
}

/** The device was given them: it asked, or an adapter has sent them and somebody was there. */
export interface RecordSent {
  readonly type: 'RecordSent';
  readonly ids: readonly number[];
  readonly interface: DeviceInterface;
  readonly at: string;
}

/** Records the expiry of every command that is past it. */
export interface ExpireCommands {
  readonly type: 'ExpireCommands';
  readonly at: string;
}

export interface Observe {
  readonly type: 'Observe';
  readonly observe: boolean;
  readonly at: string;
}

export interface EndQueue {
  readonly type: 'EndQueue';
  readonly at: string;
}

export type QueueCommand =
  CreateCommand | ReportResult | CancelCommand | RecordSent | ExpireCommands | Observe | EndQueue;

/** RFC 12/CIP has an `int`. 0 is never given out: a published client takes it for "no id". */
const MAX_ID = 2_147_483_647;
const REMEMBERED = 100;
/** Seven bytes of state each. An answer that comes after so many others of the type have ended is ignored. */
const UNANSWERED = 1_000;
const REASON_LENGTH = 1_000;

/**
 * Pure: the time comes in with the command. A command past its expiry counts as expired, whether or not that was recorded
 * yet: each decision records it first. No events when the command is already satisfied; only CreateCommand is another
 * command each time. Throws `device-not-found` (deleted), `command-not-found`, `command-finished`, `invalid-request`,
 * `invalid-payload`, `payload-too-large`, `too-many-commands`.
 */
export const decide = (command: QueueCommand, queue: CommandQueue): readonly CommandEvent[] => {
  const expired = expiredBy(command.at, queue);
  const outstanding = queue.outstanding.filter(({ id }) => !expired.some(({ data }) => data.id === id));
  switch (command.type) {
    case 'CreateCommand':
      return [...expired, ...created(command, queue, outstanding.length)];
    case 'ReportResult':
      assertGivenOut(command.id, queue);
      if (outstanding.some(({ id }) => id === command.id)) return [...expired, answered(command)];
      return isUnanswered(command.id, queue, expired) ? [...expired, answeredLate(command)] : expired;
    case 'CancelCommand':
      assertGivenOut(command.id, queue);
      if (queue.cancelled.includes(command.id)) return expired;
      if (!outstanding.some(({ id }) => id === command.id)) {
        throw new AppError('command-finished', 'The command was executed, has failed or is expired.');
      }
      return [...expired, cancellationOf(command.id, command.at)];
    case 'RecordSent': {
      const { interface: by, at: sentAt } = command;
      // What is finished by now is no news any more: the device's answer is faster than the record at times.
      const ids = outstanding
        .filter(({ id, sent }) => sent !== true && command.ids.includes(id))
        .map(({ id }) => id);
      return ids.length === 0
        ? expired
        : [...expired, { type: 'CommandsSent', data: { ids, interface: by, sentAt } }];
    }
    case 'ExpireCommands':
      return expired;
    case 'Observe': {
      assertNotEnded(queue);
      const { observe, at: changedAt } = command;
      if (observe === queue.observe) return expired;
      return [...expired, { type: 'ObservationChanged', data: { observe, changedAt } }];
    }
    case 'EndQueue':
      if (queue.ended) return [];
      return [
        ...expired,
        ...outstanding.map(({ id }) => cancellationOf(id, command.at)),
        { type: 'QueueEnded', data: { endedAt: command.at } },
      ];
  }
};

const expiredBy = (at: string, { outstanding }: CommandQueue): CommandExpired[] =>
  outstanding
    .filter(({ expiresAt }) => expiresAt <= at)
    .map(({ id, expiresAt }) => ({ type: 'CommandExpired', data: { id, expiredAt: expiresAt } }));

const isUnanswered = (id: number, queue: CommandQueue, expired: readonly CommandExpired[]): boolean =>
  !queue.ended && (queue.unanswered.includes(id) || expired.some(({ data }) => data.id === id));

const created = (
  { payload, ttlSeconds, limits, at }: CreateCommand,
  queue: CommandQueue,
  outstanding: number,
): readonly CommandEvent[] => {
  assertNotEnded(queue);
  assertAcceptable('payload', payload, limits.payloadBytes);
  assertStorable('payload', payload);
  if (ttlSeconds > limits.ttlSeconds) {
    const message = `must not be greater than ${limits.ttlSeconds}`;
    throw new AppError('invalid-request', `ttlSeconds ${message}`, {
      errors: [{ path: 'ttlSeconds', message }],
    });
  }
  if (outstanding >= limits.outstanding) {
    throw new AppError(
      'too-many-commands',
      `${outstanding} commands of this type wait for the device; at most ${limits.outstanding} may.`,
    );
  }
  if (queue.nextId > MAX_ID) throw new AppError('too-many-commands', 'The ids of this type are used up.');
  return [
    {
      type: 'CommandCreated',
      data: {
        id: queue.nextId,
        ...(payload === undefined ? {} : { payload }),
        createdAt: at,
        expiresAt: new Date(Date.parse(at) + ttlSeconds * 1_000).toISOString(),
      },
    },
  ];
};

const answered = (command: ReportResult): CommandEvent => {
  const type = command.statusCode < 200 || command.statusCode > 299 ? 'CommandFailed' : 'CommandExecuted';
  return { type, data: answerOf(command) };
};

const answeredLate = (command: ReportResult): CommandEvent => ({
  type: 'CommandAnsweredLate',
  data: answerOf(command),
});

const answerOf = (command: ReportResult): DeviceAnswer => {
  const { id, statusCode, reasonPhrase, result, limits, at } = command;
  if (statusCode < 100 || statusCode > 599) {
    throw new AppError('invalid-payload', 'statusCode must be from 100 to 599.');
  }
  assertAcceptable('payload', result, limits.payloadBytes);
  return {
    id,
    statusCode,
    ...(reasonPhrase === undefined ? {} : { reasonPhrase: storableText(cut(reasonPhrase)) }),
    ...(result === undefined ? {} : { result: storable(result) }),
    answeredAt: at,
  };
};

const cut = (text: string): string => text.slice(0, REASON_LENGTH);

const cancellationOf = (id: number, cancelledAt: string): CommandEvent => ({
  type: 'CommandCancelled',
  data: { id, cancelledAt },
});

const assertGivenOut = (id: number, { nextId }: CommandQueue): void => {
  if (id < 1 || id >= nextId) throw new AppError('command-not-found', 'No such command.');
};

const assertNotEnded = ({ ended }: CommandQueue): void => {
  if (ended) throw new AppError('device-not-found', 'No such device.');
};

export const evolve = (queue: CommandQueue, event: CommandEvent): CommandQueue => {
  switch (event.type) {
    case 'CommandCreated': {
      const { id, expiresAt } = event.data;
      return { ...queue, nextId: id + 1, outstanding: [...queue.outstanding, { id, expiresAt }] };
    }
    case 'CommandExecuted':
    case 'CommandFailed':
      return without(queue, event.data.id);
    case 'CommandExpired':
      return unanswered(queue, event.data.id);
    case 'CommandCancelled': {
      const cancelled = [...queue.cancelled, event.data.id].slice(-REMEMBERED);
      return { ...unanswered(queue, event.data.id), cancelled };
    }
    case 'CommandAnsweredLate':
      return { ...queue, unanswered: queue.unanswered.filter((id) => id !== event.data.id) };
    case 'CommandsSent': {
      const { ids } = event.data;
      const outstanding = queue.outstanding.map((one) =>
        ids.includes(one.id) ? { ...one, sent: true as const } : one,
      );
      return { ...queue, outstanding };
    }
    case 'ObservationChanged':
      return { ...queue, observe: event.data.observe };
    case 'QueueEnded':
      return { ...queue, ended: true };
  }
};

const without = (queue: CommandQueue, finished: number): CommandQueue => ({
  ...queue,
  outstanding: queue.outstanding.filter(({ id }) => id !== finished),
});

const unanswered = (queue: CommandQueue, ended: number): CommandQueue => ({
  ...without(queue, ended),
  unanswered: [...queue.unanswered, ended].slice(-UNANSWERED),
});

/** The stream `commands-<deviceId>:<type>`. State version 2: `unanswered`. */
export const commandQueue = { name: 'commands', stateVersion: 2, initial, evolve, decide } as const;
