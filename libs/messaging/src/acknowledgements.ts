import { JetStreamApiError, type ApiError, type PubAck } from '@nats-io/jetstream';
import { createInbox, type Msg, type MsgHdrs } from '@nats-io/transport-node';
import { LinkLost, type Link } from './link.js';

export interface Outgoing {
  readonly subject: string;
  readonly payload: string | Uint8Array;
  /** With the message id: within two minutes the server keeps one message per id, so every try of ours carries the same. */
  readonly headers: MsgHdrs;
}

interface Waiting {
  readonly resolve: (stored: PubAck) => void;
  readonly reject: (error: Error) => void;
  readonly until: number;
}

/** Not for callers: whether the message was stored is not known. */
class NotAcknowledged extends Error {
  override readonly name = 'NotAcknowledged';
}

/**
 * Gives messages to JetStream and waits for its acknowledgements. They come to one inbox, each message's with a number of
 * its own, and one timer looks for those that do not come. The client library makes a request of every message, with a
 * timer, six promises and an error's stack, which costs twice as much as all else that we do for a published event.
 */
export class Acknowledgements {
  private readonly inbox = `${createInbox()}.`;
  /** In the order in which they were sent, and so of their `until`. */
  private readonly waiting = new Map<number, Waiting>();
  private last = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly link: Link,
    private readonly timeoutMs: number,
  ) {
    const { connection } = link;
    connection.subscribe(`${this.inbox}*`, {
      callback: (error, message) => {
        // An error is of the subscription: what waits is given up by the timer.
        if (error === null) this.take(message);
      },
    });
    const lose = () => this.giveUp(Infinity, new LinkLost('the connection to NATS was lost'));
    link.onLoss(lose);
    void connection.closed().then(lose);
  }

  /** One try, on the wire in the order of the calls. Rejects when the server refuses it, goes away, or is silent for too long. */
  publish({ subject, payload, headers }: Outgoing): Promise<PubAck> {
    return new Promise((resolve, reject) => {
      if (!this.link.isConnected()) throw new LinkLost('not connected to NATS');
      const number = (this.last += 1);
      this.link.connection.publish(subject, payload, { reply: this.inbox + String(number), headers });
      this.waiting.set(number, { resolve, reject, until: Date.now() + this.timeoutMs });
      this.timer ??= this.look(this.timeoutMs);
    });
  }

  private take(message: Msg): void {
    const number = Number(message.subject.slice(this.inbox.length));
    const one = this.waiting.get(number);
    if (one === undefined) return; // given up already
    this.waiting.delete(number);
    try {
      if (message.data.length === 0) throw new NotAcknowledged('no JetStream stream takes this subject');
      const answer = message.json<PubAck & { readonly error?: ApiError }>();
      if (answer.error === undefined) one.resolve(answer);
      else one.reject(new JetStreamApiError(answer.error));
    } catch (error) {
      one.reject(error instanceof Error ? error : new NotAcknowledged(String(error)));
    }
  }

  private look(ms: number): NodeJS.Timeout {
    const timer = setTimeout(() => {
      const now = Date.now();
      this.giveUp(now, new NotAcknowledged(`not acknowledged within ${this.timeoutMs} ms`));
      const [oldest] = this.waiting.values();
      this.timer = oldest === undefined ? undefined : this.look(Math.max(oldest.until - now, 1));
    }, ms);
    // The connection keeps the process alive for as long as anything can still come.
    return timer.unref();
  }

  private giveUp(until: number, error: Error): void {
    for (const [number, one] of this.waiting) {
      if (one.until > until) return;
      this.waiting.delete(number);
      one.reject(error);
    }
  }
}
