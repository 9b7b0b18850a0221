import type { JsonValue } from '@muster/contracts';
import { recordCommandsDispatched } from '@muster/contracts/commands/requests';
import type { Addressee, Push } from '@muster/downlink';
import { encodeCommands } from '@muster/kp1';
import type { Bus } from '@muster/messaging';
import type { Uplink } from '@muster/uplink';
import { MessageSender, type Feedback } from '../azure/hub-messages.js';
import { callMethod } from '../azure/hub-methods.js';
import { HubFailure } from '../azure/hub-rest.js';
import { RESOURCE_PROPERTY } from '../events/hub-event.js';
import { isObject, NAMESPACE } from '../events/reported-requests.js';
import type { OpenHub } from '../hub/open-hubs.js';
import type { HubThrottle } from '../hub/hub-throttle.js';
import type { OwedOffers } from './owed-offers.js';
import type { SayAsDevice } from './say-as-device.js';
import {
  commandOfMessage,
  keptUntil,
  messageIdOf,
  type SentCommand,
  type SentMessages,
} from './sent-messages.js';

export interface HubCommandParts {
  readonly throttle: HubThrottle;
  readonly owed: OwedOffers;
  readonly sent: SentMessages;
  readonly uplink: Pick<Uplink, 'questions'>;
  readonly say: SayAsDevice;
  readonly bus: Pick<Bus, 'request'>;
}

interface Command {
  readonly id: number;
  readonly payload?: JsonValue;
}

const METHOD_SECONDS = 30;
const DEADLINE = { timeoutMs: 5_000 };
/** What is said of a message that a device has not taken, where it will not come again. */
const REFUSALS = { Rejected: 422, DeliveryCountExceeded: 500, Purged: 410 } as const;

/**
 * Commands to devices in hubs: as a direct method, whose answer is the result. A device that is not there for one waits, and is called
 * when it has connected; or, if its twin says that it takes messages, is sent one, which the hub keeps for it. Its result is a message.
 */
export class HubCommands {
  private readonly senders = new Map<string, { readonly version: number; readonly sender: MessageSender }>();

  constructor(private readonly parts: HubCommandParts) {}

  /** As `Wire.send`. Throws `NotItsTurn`, and `HubFailure`. */
  async send(open: OpenHub, to: Addressee, push: Push): Promise<boolean | 'later'> {
    const [, type = ''] = push.path;
    const commands = JSON.parse(push.body) as Command[]; // kp1 has written it
    let inHub = false;
    for (const command of commands) {
      const sent: SentCommand = { hubDeviceId: to.token, type, number: command.id };
      if ((await this.parts.sent.stateOf(open.hub.id, sent)) === 'in hub') {
        inHub = true;
        continue;
      }
      const outcome = await this.call(open, to, push, command);
      if (outcome !== 'away') continue;
      if (!(await this.takesMessages(open, to.token))) return false;
      await this.sendMessage(open, to, push, command);
      inHub = true;
    }
    // It is the hub that tells when the device has it.
    return inHub ? 'later' : true;
  }

  /** Of a message to a device: what its hub tells has become of it. Throws what shall be tried again. */
  async settle({ hub }: OpenHub, feedback: Feedback): Promise<void> {
    const { sent, uplink, bus, say, owed } = this.parts;
    const command = commandOfMessage(feedback.deviceId, feedback.originalMessageId);
    // Of somebody else who sends messages.
    if (command === undefined || (await sent.stateOf(hub.id, command)) === 'unknown') return;
    const admission = await uplink.questions.admitOnRecord(command.hubDeviceId);
    const { entry } = (admission.admitted ? admission : admission.of) ?? {};
    const { type, number: id } = command;
    if (entry === undefined || entry.tenantId !== hub.tenantId) return sent.forget(hub.id, command);
    const { tenantId, deviceId } = entry;
    const { statusCode: status } = feedback;
    if (status === 'Success') {
      const at = new Date(feedback.enqueuedTimeUtc).toISOString();
      const dispatch = { tenantId, deviceId, type, id, interface: 'iothub' as const, subscriber: true, at };
      await bus.request(recordCommandsDispatched, { dispatches: [dispatch] }, DEADLINE);
      return sent.taken(hub.id, command, at);
    }
    if (status === 'Expired') {
      // A hub keeps messages for two days, and commands may be wanted for longer.
      await sent.forget(hub.id, command);
      return owed.owe({ tenantId, deviceId, extension: 'cex' });
    }
    const reasonPhrase = `the IoT Hub says of the message: ${feedback.description ?? status}`;
    await say(command.hubDeviceId, ['cex', 'result', type], {
      id,
      statusCode: REFUSALS[status],
      reasonPhrase,
    });
    // Not before: whoever offers commands meanwhile would send it once more.
    await sent.forget(hub.id, command);
  }

  stop(): Promise<void> {
    for (const { sender } of this.senders.values()) sender.close();
    return Promise.resolve();
  }

  private async call(open: OpenHub, to: Addressee, push: Push, command: Command): Promise<'away' | 'done'> {
    const { throttle, say } = this.parts;
    const { hub, rest } = open;
    const [, type = ''] = push.path;
    const left = push.expiresAt === undefined ? Infinity : (Date.parse(push.expiresAt) - Date.now()) / 1_000;
    // It is over, and commands says so.
    if (left <= 0) return 'done';
    await throttle.turn(hub, 'methods', this.isQueued(to, push));
    const { id, payload = null } = command;
    const seconds = Math.min(left, METHOD_SECONDS);
    const called = callMethod(rest, to.token, { name: type, payload, seconds });
    const outcome = await throttle.heeded(hub, 'methods', called);
    if (outcome.kind === 'away') return 'away';
    if (outcome.kind === 'answered') {
      const { status: statusCode, payload: result } = outcome;
      const body = { id, statusCode, ...(result === undefined ? {} : { payload: result }) };
      await say(to.token, ['cex', 'result', type], body);
    }
    return 'done';
  }

  /** It reports `{"muster": {"commands": "messages"}}`. */
  private async takesMessages({ hub, rest }: OpenHub, id: string): Promise<boolean> {
    const { reported } = (await this.parts.throttle.readTwin(hub, rest, id)).properties;
    const ours = reported[NAMESPACE];
    return isObject(ours) && ours['commands'] === 'messages';
  }

  private async sendMessage(
    open: OpenHub,
    to: Addressee,
    push: Push,
    { id, payload }: Command,
  ): Promise<void> {
    const { throttle, sent } = this.parts;
    const [, type = ''] = push.path;
    const { hub } = open;
    await throttle.turn(hub, 'messages', this.isQueued(to, push));
    const now = Date.now();
    const message = {
      id: messageIdOf({ type, number: id }),
      // As over MQTT, so that devices read it by the same code.
      body: encodeCommands([{ type, id, ...(payload === undefined ? {} : { payload }) }], false),
      properties: { [RESOURCE_PROPERTY]: [push.extension, ...push.path].join('/') },
      expiresAt: keptUntil(push.expiresAt, now),
    };
    const command: SentCommand = { hubDeviceId: to.token, type, number: id };
    const expiresAt = push.expiresAt === undefined ? message.expiresAt : new Date(push.expiresAt);
    await sent.begin(hub.id, command, expiresAt);
    try {
      await throttle.heeded(hub, 'messages', this.senderOf(open).send(to.token, message));
    } catch (error) {
      if (!(error instanceof HubFailure) || error.status !== 413) throw error;
      await sent.forget(hub.id, command);
      const reasonPhrase = 'it is larger than a message to a device of an IoT Hub may be (64 KB)';
      return this.parts.say(to.token, ['cex', 'result', type], { id, statusCode: 413, reasonPhrase });
    }
    await sent.sent(hub.id, command);
  }

  private isQueued(to: Addressee, { extension }: Push): boolean {
    return this.parts.owed.isOffering({ ...to, extension });
  }

  private senderOf({ hub, access }: OpenHub): MessageSender {
    const known = this.senders.get(hub.id);
    if (known?.version === hub.version) return known.sender;
    known?.sender.close();
    const sender = new MessageSender(access);
    this.senders.set(hub.id, { version: hub.version, sender });
    return sender;
  }
}
