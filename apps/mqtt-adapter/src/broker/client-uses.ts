import { createHash } from 'node:crypto';
import type { ConfirmChannel } from 'amqplib';
import type { Logger } from '@muster/observability';
import { PRESENCE_QUEUE } from './topology.js';

/** A client of the broker used a token of a device. */
export interface ClientUse {
  readonly clientId: string;
  readonly tenantId: string;
  readonly deviceId: string;
  /** ISO. */
  readonly at: string;
}

type Device = Pick<ClientUse, 'tenantId' | 'deviceId'>;

interface Said extends Device {
  at: number;
  /** Used once more since. */
  isDue: boolean;
}

const REPEAT_MS = 10_000;
const SWEEP_MS = 1_000;
const CONFIRM_MS = 250;
const MAX_CLIENT_ID = 128;

/** What stands for a client id in keys and columns, however long or odd it is. */
export const clientKey = (clientId: string): string =>
  clientId.length <= MAX_CLIENT_ID && !clientId.includes('\0')
    ? clientId
    : `sha256:${createHash('sha256').update(clientId).digest('hex')}`;

/**
 * Puts what clients use into the queue in which the broker tells of their connections, so that whoever consumes it has
 * both, whichever replica the broker asked. Resolves when the broker has it, before the client is allowed to go on: after
 * that a device that keeps to one topic causes no question any more, and a process that died with it in memory would leave
 * the device unknown for as long as its connection lasts. Not persistent: a broker that dies takes the connection with it.
 *
 * Not every question is told: a client that uses a new topic for every request would fill the queue. What was told is told
 * again after ten seconds if it was used since, because the client may have connected anew without this replica noticing.
 */
export class ClientUses {
  private readonly clients = new Map<string, Map<string, Said>>();
  private channel: ConfirmChannel | undefined;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(
    private readonly logger: Logger,
    private readonly now: () => number = Date.now,
  ) {}

  attach(channel: ConfirmChannel): void {
    this.channel = channel;
    // What was used while there was none.
    for (const [clientId, devices] of this.clients) {
      for (const said of devices.values()) if (said.isDue) void this.say(clientId, said);
    }
  }

  detach(): void {
    this.channel = undefined;
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.channel = undefined;
    this.clients.clear();
  }

  /** The client connects: what it uses from now on belongs to another connection. */
  connecting(clientId: string): void {
    this.clients.delete(clientKey(clientId));
  }

  /** Never rejects. While the broker is away from us it resolves at once, and the use is told afterwards. */
  async note(clientId: string, { tenantId, deviceId }: Device): Promise<void> {
    const key = clientKey(clientId);
    const devices = this.clients.get(key) ?? new Map<string, Said>();
    this.clients.set(key, devices);
    const known = devices.get(deviceId);
    if (known !== undefined && this.now() < known.at + REPEAT_MS) {
      known.isDue = true;
      return;
    }
    const said = { tenantId, deviceId, at: this.now(), isDue: false };
    devices.set(deviceId, said);
    this.schedule();
    await this.say(key, said);
  }

  private async say(clientId: string, said: Said): Promise<void> {
    said.isDue = true;
    const { channel } = this;
    if (channel === undefined) return;
    const { tenantId, deviceId } = said;
    const use: ClientUse = { clientId, tenantId, deviceId, at: new Date(said.at).toISOString() };
    await new Promise<void>((resolve) => {
      // A broker that is short of memory confirms nothing for as long as it is: the client does not wait for that.
      const late = setTimeout(resolve, CONFIRM_MS);
      try {
        channel.sendToQueue(PRESENCE_QUEUE, Buffer.from(JSON.stringify(use)), {}, (error: unknown) => {
          clearTimeout(late);
          if (error === null || error === undefined) said.isDue = false;
          resolve();
        });
      } catch (error) {
        clearTimeout(late);
        this.logger.debug({ err: error }, 'what a client uses is told to the broker later');
        resolve();
      }
    });
  }

  private schedule(): void {
    if (this.stopped) return; // a question that was under way
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.sweep();
      if (this.clients.size > 0) this.schedule();
    }, SWEEP_MS);
  }

  private sweep(): void {
    const now = this.now();
    for (const [clientId, devices] of this.clients) {
      for (const [deviceId, said] of devices) {
        if (now < said.at + REPEAT_MS) continue;
        if (said.isDue) {
          said.at = now;
          void this.say(clientId, said);
        } else devices.delete(deviceId);
      }
      if (devices.size === 0) this.clients.delete(clientId);
    }
  }
}
