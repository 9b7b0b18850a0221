import { AppError } from '@muster/contracts';
import type { DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import { nextHop, type Candidate } from './next-hop.js';
import type { SoftwareApplied, SoftwareEvent, SoftwareOffered } from './software.events.js';

/** One software of a device. */
export interface Software {
  /** What the device says it runs; null: it never said. */
  readonly reported: { readonly version: string; readonly at: string } | null;
  /** What was put on the wire last. `refused`: the device has answered with a refusal since. */
  readonly offered: {
    readonly version: string;
    readonly subscriber: boolean;
    readonly at: string;
    readonly refused: boolean;
  } | null;
  /** The last refusal, unless the device runs that version after all. */
  readonly rejected: {
    readonly version: string;
    readonly statusCode: number;
    readonly reasonPhrase?: string;
    readonly at: string;
  } | null;
  /** null: the device never said. */
  readonly observe: boolean | null;
}

/** Survives JSON: it is stored beside the stream. */
export interface DeviceSoftware {
  /** True: the device was deleted, the stream takes no more events. */
  readonly ended: boolean;
  readonly software: Readonly<Record<string, Software>>;
}

export const initial: DeviceSoftware = { ended: false, software: {} };

const unknown: Software = { reported: null, offered: null, rejected: null, observe: null };

/** The device asks. `configId` is what it says it runs; `candidates` are the versions it may be given, highest first. */
export interface FetchSoftware {
  readonly type: 'FetchSoftware';
  readonly software: string;
  readonly interface: DeviceInterface;
  readonly configId?: string;
  readonly observe?: boolean;
  readonly candidates: readonly Candidate[];
  readonly at: string;
}

export interface ReportSoftware {
  readonly type: 'ReportSoftware';
  readonly software: string;
  readonly interface: DeviceInterface;
  readonly version: string;
  readonly statusCode: number;
  readonly reasonPhrase?: string;
  readonly at: string;
}

export interface RecordOffered {
  readonly type: 'RecordOffered';
  readonly software: string;
  readonly interface: DeviceInterface;
  readonly version: string;
  readonly subscriber: boolean;
  /** When it was put on the wire. */
  readonly at: string;
  /** Since when the version is available, as `Candidate` has it; absent: it is not. */
  readonly availableSince?: string;
}

export interface EndSoftware {
  readonly type: 'EndSoftware';
  readonly at: string;
}

export type SoftwareCommand = FetchSoftware | ReportSoftware | RecordOffered | EndSoftware;

/** Pure. No events when the command is already satisfied. Throws `device-not-found` (deleted). */
export const decide = (command: SoftwareCommand, state: DeviceSoftware): readonly SoftwareEvent[] => {
  if (state.ended) {
    if (command.type === 'EndSoftware') return [];
    throw new AppError('device-not-found', 'No such device.');
  }
  switch (command.type) {
    case 'FetchSoftware':
      return fetched(command, softwareOf(state, command.software));
    case 'ReportSoftware': {
      const applied = command.statusCode >= 200 && command.statusCode <= 299;
      const software = softwareOf(state, command.software);
      return applied ? appliedBy({ ...command, implicit: false }, software) : rejectedBy(command, software);
    }
    case 'RecordOffered':
      return recordOffered(command, softwareOf(state, command.software));
    case 'EndSoftware':
      return [{ type: 'SoftwareEnded', data: { endedAt: command.at } }];
  }
};

/** Names come from devices: one like `constructor` must find nothing. */
export const softwareOf = (state: DeviceSoftware, name: string): Software =>
  (Object.hasOwn(state.software, name) ? state.software[name] : undefined) ?? unknown;

/** The version that is open to the device: none while the next one is what it has refused since that was made available. */
export const openHop = <One extends Candidate>(
  { reported, rejected }: Software,
  candidates: readonly One[],
): One | undefined => {
  const hop = nextHop(reported?.version ?? null, candidates);
  const refused = rejected?.version === hop?.version && (rejected?.at ?? '') >= (hop?.availableSince ?? '');
  return refused ? undefined : hop;
};

/** What the device should be told of without having asked: nothing when it wants to be left alone. */
export const dueHop = <One extends Candidate>(
  software: Software,
  candidates: readonly One[],
): One | undefined => (software.observe === false ? undefined : openHop(software, candidates));

/**
 * The same for a device that can be reached since `reachableAt`: not the version that was put on the wire for it later,
 * unless it has refused that since.
 */
export const dueHopSince = <One extends Candidate>(
  software: Software,
  candidates: readonly One[],
  reachableAt = '',
): One | undefined => {
  const hop = dueHop(software, candidates);
  const { offered: last } = software;
  const reached = last?.subscriber === true && !last.refused && last.version === hop?.version;
  return reached && reachableAt !== '' && last.at > reachableAt ? undefined : hop;
};

/**
 * The same, asked because of a change. Who was sent the version since it was made available has it on its way: a device that
 * becomes reachable at that moment would get it twice, once for each reason.
 */
export const dueHopAfterChange = <One extends Candidate>(
  software: Software,
  candidates: readonly One[],
): One | undefined => {
  const hop = dueHop(software, candidates);
  const { offered: last } = software;
  const isSent =
    last?.version === hop?.version && last?.subscriber === true && last.at >= (hop?.availableSince ?? '');
  return isSent ? undefined : hop;
};

/**
 * Whether the version that the device was sent last, and has not answered, is another than it is due. Two pushes at the same
 * time may put theirs on the wire in the wrong order; the event of the change is long consumed then.
 */
export const isSuperseded = (software: Software, candidates: readonly Candidate[]): boolean => {
  const { offered: last, reported, rejected } = software;
  const hop = dueHopAfterChange(software, candidates);
  if (hop === undefined || last?.subscriber !== true || last.version === hop.version) return false;
  return ![reported, rejected].some((answer) => answer?.version === last.version);
};

const fetched = (command: FetchSoftware, software: Software): readonly SoftwareEvent[] => {
  const { configId, observe, candidates, at } = command;
  const events: SoftwareEvent[] = [];
  if (observe !== undefined && observe !== software.observe) {
    events.push({
      type: 'SoftwareObservationChanged',
      data: { software: command.software, interface: command.interface, observe, changedAt: at },
    });
  }
  const named = configId === undefined || configId === '' ? undefined : storable(configId);
  const applied =
    named === undefined ? [] : appliedBy({ ...command, version: named, implicit: true }, software);
  const hop = openHop(applied.reduce(evolveSoftware, software), candidates);
  const offer =
    hop === undefined
      ? []
      : offered(
          { ...command, version: hop.version, subscriber: true, availableSince: hop.availableSince },
          software,
        );
  return [...events, ...applied, ...offer];
};

const recordOffered = (command: RecordOffered, software: Software): readonly SoftwareEvent[] => {
  const version = storable(command.version);
  const { reported, rejected, offered: last } = software;
  // Records of adapters come late, out of order and again. One from before the device's answer is no news any more.
  const answer = [reported, rejected].find((one) => one?.version === version);
  if ((last !== null && command.at <= last.at) || (answer != null && command.at <= answer.at)) return [];
  return offered({ ...command, version }, software);
};

const offered = (
  {
    software: name,
    interface: by,
    version,
    subscriber,
    at,
    availableSince = '',
  }: Omit<RecordOffered, 'type'>,
  { offered: last }: Software,
): readonly SoftwareOffered[] => {
  const isSame = last?.version === version && last.subscriber === subscriber && !last.refused;
  if (isSame && last.at >= availableSince) return [];
  return [
    { type: 'SoftwareOffered', data: { software: name, interface: by, version, subscriber, offeredAt: at } },
  ];
};

const appliedBy = (
  command: Omit<ReportSoftware, 'type' | 'statusCode'> & { readonly implicit: boolean },
  software: Software,
): readonly SoftwareApplied[] => {
  const version = storable(command.version);
  if (software.reported?.version === version && software.rejected?.version !== version) return [];
  return [
    {
      type: 'SoftwareApplied',
      data: {
        software: command.software,
        interface: command.interface,
        version,
        implicit: command.implicit,
        appliedAt: command.at,
      },
    },
  ];
};

const rejectedBy = (command: ReportSoftware, software: Software): readonly SoftwareEvent[] => {
  const version = storable(command.version);
  const reasonPhrase = command.reasonPhrase === undefined ? undefined : storable(command.reasonPhrase);
  const { rejected, offered: last } = software;
  const again =
    rejected?.version === version &&
    rejected.statusCode === command.statusCode &&
    rejected.reasonPhrase === reasonPhrase;
  // The same words about a version that was offered anew are a new refusal.
  if (again && (last?.version !== version || last.refused)) return [];
  return [
    {
      type: 'SoftwareRejected',
      data: {
        software: command.software,
        interface: command.interface,
        version,
        statusCode: command.statusCode,
        ...(reasonPhrase === undefined ? {} : { reasonPhrase }),
        rejectedAt: command.at,
      },
    },
  ];
};

/** What a device says is not refused for a character that PostgreSQL cannot hold in JSON: the character is replaced. */
const storable = (text: string): string => text.replace(/\0|\p{Surrogate}/gu, '\ufffd');

export const evolve = (state: DeviceSoftware, event: SoftwareEvent): DeviceSoftware => {
  if (event.type === 'SoftwareEnded') return { ...state, ended: true };
  const name = event.data.software;
  const others = Object.entries(state.software).filter(([other]) => other !== name);
  const changed = evolveSoftware(softwareOf(state, name), event);
  return { ...state, software: Object.fromEntries([...others, [name, changed]]) };
};

const evolveSoftware = (
  software: Software,
  event: Exclude<SoftwareEvent, { type: 'SoftwareEnded' }>,
): Software => {
  switch (event.type) {
    case 'SoftwareOffered': {
      const { version, subscriber, offeredAt: at } = event.data;
      return { ...software, offered: { version, subscriber, at, refused: false } };
    }
    case 'SoftwareApplied': {
      const { version, appliedAt: at } = event.data;
      const rejected = software.rejected?.version === version ? null : software.rejected;
      return { ...software, reported: { version, at }, rejected };
    }
    case 'SoftwareRejected': {
      const { version, statusCode, reasonPhrase, rejectedAt: at } = event.data;
      const { offered: last } = software;
      return {
        ...software,
        offered: last?.version === version ? { ...last, refused: true } : last,
        rejected: { version, statusCode, at, ...(reasonPhrase === undefined ? {} : { reasonPhrase }) },
      };
    }
    case 'SoftwareObservationChanged':
      return { ...software, observe: event.data.observe };
  }
};

/** The stream `software-<deviceId>`. */
export const deviceSoftware = { name: 'software', initial, evolve, decide } as const;
