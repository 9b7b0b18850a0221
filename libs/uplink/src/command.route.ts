import { AppError, type ItemOutcome } from '@muster/contracts';
import {
  fetchCommands,
  listCommands,
  reportResults,
  type CommandResult,
} from '@muster/contracts/commands/requests';
import {
  assertName,
  decodeCommandRequest,
  decodeCommandResults,
  EMPTY_REPLY,
  encodeCommands,
  type Topic,
} from '@muster/kp1';
import type { Bus } from '@muster/messaging';
import { newTrace, withTrace } from '@muster/observability';
import { MicroBatcher, type Batching } from './micro-batcher.js';
import { refuse } from './refusal.js';
import type { PassingReply, RoutedMessage } from './routed-message.js';

const MAX_RESULTS = 500;
/** Ids named in a reason; the rest is a number. */
const MAX_NAMED = 20;

/** ISO. Of what is pushed at `{extension}/{path}` of a token, without request id. */
export type ReachedSince = (
  topic: Pick<Topic, 'appVersion' | 'token' | 'extension' | 'path'>,
) => string | undefined;

/** cex: a device asks for its commands, and says what became of them (11/CEP). */
export class CommandRoutes {
  readonly batcher: MicroBatcher<CommandResult>;

  constructor(
    private readonly bus: Pick<Bus, 'request'>,
    batching: Batching,
    private readonly reachedSince: ReachedSince = () => undefined,
  ) {
    this.batcher = new MicroBatcher({
      ...batching,
      name: 'commands',
      maxItems: MAX_RESULTS,
      maxBytes: 512 * 1024,
      send: async (results) =>
        (await bus.request(reportResults, { results }, { timeoutMs: 10_000 })).outcomes,
      ping: ({ tenantId, deviceId }) => bus.request(listCommands, { tenantId, deviceId, limit: 1 }),
    });
  }

  /** Of the type in the topic; without one of all types, and each command then says its own (11/CEP: MAY). */
  async fetch({ topic, parameters, payload, entry }: RoutedMessage): Promise<string | PassingReply> {
    const { type } = parameters;
    if (type !== undefined) assertName('command type', type);
    const request = decodeCommandRequest(payload);
    const { tenantId, deviceId, token } = entry;
    const { appVersion, extension, path } = topic;
    const reachableAt =
      type === undefined ? undefined : this.reachedSince({ appVersion, token, extension, path });
    const { items } = await withTrace(newTrace(), () =>
      this.bus.request(fetchCommands, {
        tenantId,
        deviceId,
        interface: entry.interface,
        ...(reachableAt === undefined ? {} : { reachableAt }),
        ...(type === undefined ? {} : { type }),
        ...request,
      }),
    );
    const body = encodeCommands(items, type === undefined);
    const [expiresAt] = items.flatMap((item) => item.expiresAt ?? []).sort();
    return expiresAt === undefined ? body : { body, expiresAt };
  }

  /** Those that are known are applied, also when others of the same message are not. */
  async results({ parameters, payload, entry, ...waiter }: RoutedMessage): Promise<string> {
    const type = parameters['type'] ?? '';
    assertName('command type', type);
    const { tenantId, deviceId } = entry;
    const results = decodeCommandResults(payload);
    const bytes = Math.ceil(payload.length / Math.max(1, results.length)) + 256;
    const outcomes = await Promise.all(
      results.map((result) =>
        this.batcher.add(deviceId, { tenantId, deviceId, type, ...result }, bytes, waiter),
      ),
    );
    const isUnknown = ({ code }: ItemOutcome): boolean => code === 'command-not-found';
    for (const outcome of outcomes) if (!isUnknown(outcome)) refuse(outcome);
    const unknown = results.filter((_, index) => isUnknown(outcomes[index] ?? {})).map(({ id }) => id);
    if (unknown.length > 0) throw new AppError('command-not-found', `no such command: ${listed(unknown)}`);
    return EMPTY_REPLY;
  }
}

const listed = (ids: readonly number[]): string =>
  ids.slice(0, MAX_NAMED).join(', ') + (ids.length > MAX_NAMED ? ` and ${ids.length - MAX_NAMED} more` : '');
