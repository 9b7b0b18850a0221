import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@muster/observability';
import { generate } from 'mqtt-packet';
import { patternOf } from '../client/topic-rules.js';
import type { BrokerNodes } from './broker-nodes.js';
import { BrokerSession } from './broker-session.js';

const BACKOFF_MS = [100, 200, 500, 1_000];
const PING_MS = 5_000;
/** A broker that is stopped keeps its connections and says nothing on them. */
const SILENT_MS = 20_000;

/**
 * One connection to the broker, to whichever of its nodes, that no client has: whether it is there, so that a client can be told
 * at CONNECT, and whether it speaks MQTT 5. 3.10 closes a CONNECT of 5 without a word and writes a page into its log; so it is asked once for each of
 * its lives, and not by each client that tries.
 */
export class BrokerWatch {
  isThere = false;
  speaksFive = false;
  private session: BrokerSession | undefined;
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;

  constructor(
    private readonly nodes: BrokerNodes,
    private readonly logger: Logger,
  ) {
    this.running = this.run();
  }

  /**
   * Tells who follows the broker's events what they do not say: a client that is back in its session has subscribed to what it
   * was subscribed to before. No device may publish there.
   */
  tellSubscribed(clientId: string, filters: readonly string[]): void {
    this.session?.send(
      generate({
        ...{ cmd: 'publish', topic: SUBSCRIBED_TOPIC, qos: 0, dup: false, retain: false },
        payload: JSON.stringify({ clientId, patterns: filters.map(patternOf) }),
      }),
    );
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        const session = await this.open();
        this.logger.info({ mqtt5: this.speaksFive }, 'the broker is there');
        failures = -1;
        this.isThere = true;
        this.session = session;
        await this.untilClosed(session);
        if (!this.isStopping()) this.logger.warn('the connection to the broker was lost');
      } catch (error) {
        if (failures === 0 || failures % 20 === 0) this.logger.warn({ err: error }, 'waiting for the broker');
      }
      this.isThere = false;
      this.session = undefined;
      const ms = BACKOFF_MS[Math.min(Math.max(failures, 0), BACKOFF_MS.length - 1)];
      await sleep(ms, undefined, { signal }).catch(() => undefined);
    }
  }

  private async open(): Promise<BrokerSession> {
    const wanted = { clientId: `mqtt-front-${randomUUID()}`, clean: true, protocolId: 'MQTT' as const };
    // The old one first: it tells whether the broker is there at all.
    const session = await BrokerSession.open(this.nodes, { ...wanted, protocolVersion: 4 });
    try {
      const five = await BrokerSession.open(this.nodes, {
        ...wanted,
        clientId: `${wanted.clientId}-5`,
        protocolVersion: 5,
      });
      five.leave();
      this.speaksFive = true;
    } catch {
      this.speaksFive = false;
    }
    return session;
  }

  private async untilClosed(session: BrokerSession): Promise<void> {
    const { signal } = this.stopping;
    await new Promise<void>((resolve) => {
      let heardAt = performance.now();
      let lookedAt = heardAt;
      const ping = setInterval(() => {
        const now = performance.now();
        // It may be this process that was stopped: then what was said meanwhile is heard first.
        const isLate = now - lookedAt > 2 * PING_MS;
        lookedAt = now;
        if (now - heardAt < SILENT_MS || isLate) {
          session.ping();
          return;
        }
        session.abandon();
        this.logger.warn('the broker has not answered for too long');
        end();
      }, PING_MS);
      const end = (): void => {
        clearInterval(ping);
        resolve();
      };
      session.start({
        packets: () => (heardAt = performance.now()),
        drained: () => undefined,
        closed: end,
      });
      const leave = (): void => {
        session.leave();
        end();
      };
      if (signal.aborted) leave();
      else signal.addEventListener('abort', leave, { once: true });
    });
  }
}

/** mqtt-adapter is bound to it (`SUBSCRIBED_KEY` in its topology). */
const SUBSCRIBED_TOPIC = 'muster/subscribed';
