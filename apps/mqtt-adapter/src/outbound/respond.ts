import { encodeError, formatRoutingKey, replyTopic, type Topic } from '@muster/kp1';
import type { Logger, Metrics } from '@muster/observability';
import type { UnheardAnswers } from './unheard-answers.js';

/** Of the request. */
interface Asked {
  readonly qos: 0 | 1;
  /** As `Uplink.arrival` says. */
  readonly arrivedAt: number;
}

/** A longer routing key cannot be sent at all. */
const MAX_ROUTING_KEY_BYTES = 255;

/**
 * The only place that publishes `/status` and `/error`. Never throws: a reply that cannot be given within five seconds is
 * counted and left out, because the request it belongs to has been dealt with, and doing it again would not be better.
 * Replies have the quality of service of the request (1/KP). Nobody needs to be subscribed; one that comes a moment late has
 * it all the same (`UnheardAnswers`).
 */
export class Responder {
  private readonly replies;

  constructor(
    private readonly answers: Pick<UnheardAnswers, 'publish'>,
    private readonly logger: Logger,
    metrics: Metrics,
  ) {
    this.replies = metrics.counter('muster_mqtt_replies_total', 'Replies to devices', ['kind', 'outcome']);
  }

  /** `expiresAt`: it waits no longer than that for a client that has gone and kept its session. */
  async status(request: Topic, body: string, asked: Asked, expiresAt?: string): Promise<void> {
    await this.reply('status', formatRoutingKey(replyTopic(request, 'status')), body, asked, expiresAt);
  }

  async error(request: Topic, statusCode: number, reasonPhrase: string, asked: Asked): Promise<void> {
    const key = formatRoutingKey(replyTopic(request, 'error'));
    await this.reply('error', key, encodeError(statusCode, reasonPhrase), asked);
  }

  private async reply(
    kind: 'status' | 'error',
    routingKey: string,
    body: string,
    { qos, arrivedAt }: Asked,
    expiresAt?: string,
  ): Promise<void> {
    if (Buffer.byteLength(routingKey) > MAX_ROUTING_KEY_BYTES) {
      this.replies.inc({ kind, outcome: 'topic-too-long' });
      return;
    }
    try {
      await this.answers.publish({ routingKey, body, qos, expiresAt, askedAt: arrivedAt / 1_000 });
      this.replies.inc({ kind, outcome: 'sent' });
    } catch (error) {
      this.replies.inc({ kind, outcome: 'failed' });
      this.logger.warn({ err: error, kind }, 'a reply was not given');
    }
  }
}
