import {
  ConnectionEvents,
  message as amqp,
  type AwaitableSender,
  type Connection,
  type EventContext,
} from 'rhea-promise';
import type { PolicyAccess } from '../hub/connection-string.js';
import { amqpFailure, leave, openConnection, TIMEOUT_SECONDS } from './amqp-connection.js';

/** To one device; the hub keeps it until the device takes it, `expiresAt` at the latest. */
export interface DeviceMessage {
  /** Told back in the feedback. */
  readonly id: string;
  readonly body: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly expiresAt: Date;
}

/** What became of a message: `Success` when the device has taken it. */
export interface Feedback {
  readonly originalMessageId: string;
  readonly statusCode: 'Success' | 'Expired' | 'DeliveryCountExceeded' | 'Rejected' | 'Purged';
  readonly description?: string;
  readonly deviceId: string;
  readonly enqueuedTimeUtc: string;
}

/** A connection is let in for an hour, and used for most of it. */
const USED_MS = 50 * 60_000;

interface Open {
  readonly connection: Connection;
  readonly sender: AwaitableSender;
  readonly since: number;
}

/** Sends messages to the devices of one hub, over a connection that is opened when it is needed, and anew after a fault. */
export class MessageSender {
  private open: Promise<Open> | undefined;

  constructor(private readonly access: PolicyAccess) {}

  /** Resolves when the hub has it. Throws `HubFailure`: 503 where too many wait for the device (50). */
  async send(hubDeviceId: string, { id, body, properties, expiresAt }: DeviceMessage): Promise<void> {
    try {
      const { sender } = await this.opened();
      await sender.send(
        {
          to: `/devices/${encodeURIComponent(hubDeviceId)}/messages/devicebound`,
          message_id: id,
          absolute_expiry_time: expiresAt,
          content_type: 'application/json',
          content_encoding: 'utf-8',
          application_properties: { ...properties, 'iothub-ack': 'full' },
          body: amqp.data_section(Buffer.from(body)) as unknown,
        },
        { timeoutInSeconds: TIMEOUT_SECONDS },
      );
    } catch (error) {
      const failure = amqpFailure(this.access.hostName, error);
      // What the hub has refused it did over a connection that works.
      if (failure.status === 0 || failure.status === 401) this.close();
      throw failure;
    }
  }

  close(): void {
    const { open } = this;
    this.open = undefined;
    void open?.then(
      ({ connection }) => leave(connection),
      () => undefined,
    );
  }

  private async opened(): Promise<Open> {
    const open = await this.open;
    if (open !== undefined && open.connection.isOpen() && Date.now() - open.since < USED_MS) return open;
    if (open !== undefined) this.close();
    const opening = (this.open ??= this.connect());
    // Of what the hub refused now nothing is kept: it may let us in by the next message.
    opening.catch(() => {
      if (this.open === opening) this.open = undefined;
    });
    return opening;
  }

  private async connect(): Promise<Open> {
    const connection = await openConnection(this.access);
    try {
      const sender = await connection.createAwaitableSender({ target: { address: '/messages/devicebound' } });
      return { connection, sender, since: Date.now() };
    } catch (error) {
      leave(connection);
      throw error;
    }
  }
}

/**
 * Reads what became of messages, until `signal` ends or the connection does. `take` is told of each; the hub keeps it, for
 * whoever reads next, until that is done. Throws `HubFailure`.
 */
export const readFeedback = async (
  access: PolicyAccess,
  take: (feedback: readonly Feedback[]) => Promise<void>,
  signal: AbortSignal,
): Promise<void> => {
  let connection: Connection | undefined;
  try {
    connection = await openConnection(access);
    const opened = connection;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, USED_MS);
      const end = (error?: unknown): void => {
        clearTimeout(timer);
        if (error === undefined) resolve();
        else reject(amqpFailure(access.hostName, error));
      };
      signal.addEventListener('abort', () => end(), { once: true });
      if (signal.aborted) end();
      opened.on(ConnectionEvents.disconnected, ({ error }: EventContext) =>
        end(error ?? new Error('the connection has ended')),
      );
      opened
        .createReceiver({
          source: { address: '/messages/serviceBound/feedback' },
          autoaccept: false,
          credit_window: 10,
          onMessage: ({ message, delivery }: EventContext) => {
            take(feedbackIn(message?.body)).then(
              () => delivery?.accept(),
              // Another try is another delivery.
              () => delivery?.release(),
            );
          },
          onError: ({ receiver }: EventContext) => end(receiver?.error ?? new Error('the link has ended')),
        })
        .catch(end);
    });
  } catch (error) {
    throw amqpFailure(access.hostName, error);
  } finally {
    if (connection !== undefined) leave(connection);
  }
};

const feedbackIn = (body: unknown): readonly Feedback[] => {
  const content = typeof body === 'object' && body !== null && 'content' in body ? body.content : body;
  return JSON.parse(Buffer.isBuffer(content) ? content.toString('utf8') : String(content)) as Feedback[]; // as documented
};
