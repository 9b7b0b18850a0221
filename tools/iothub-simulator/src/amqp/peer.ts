import { covers, type Grant } from '../security/authorize.js';
import type { AmqpError, Connection, Message, Receiver, Sender } from './rhea.js';

/** Something that is reached over AMQP, of the hub or of its event hub. Each has tokens of its own. */
export interface Entity {
  /** Without host: `messages/devicebound`. */
  readonly path: string;
  readonly isEventHub: boolean;
}

interface Attachment {
  readonly entity: Entity;
  end(): void;
}

const EXPIRED: AmqpError = { condition: 'amqp:unauthorized-access', description: 'The token has expired' };

/** One connection: what its tokens have opened, which links it has, and by which of them its questions are answered. */
export class Peer {
  private readonly grants = new Map<string, Grant>();
  private readonly links = new Map<Sender | Receiver, Attachment>();
  private readonly answering = new Set<Sender>();

  constructor(readonly connection: Connection) {}

  /** A newer token takes the place of that of the same name. */
  grant(name: string, grant: Grant): void {
    this.grants.set(name, grant);
  }

  may({ path, isEventHub }: Entity, now: number): boolean {
    return [...this.grants.values()].some(
      (grant) =>
        grant.rights.includes('ServiceConnect') &&
        grant.resource.includes('://') === isEventHub &&
        grant.expiresAt > now &&
        covers(grant, path),
    );
  }

  attach(link: Sender | Receiver, entity: Entity, end: () => void): void {
    this.links.set(link, { entity, end });
  }

  answerBy(sender: Sender): void {
    this.answering.add(sender);
  }

  detached(link: Sender | Receiver): void {
    this.answering.delete(link as Sender);
    this.links.get(link)?.end();
    this.links.delete(link);
  }

  /** Ends links whose token is over. */
  expire(now: number): void {
    for (const [link, { entity }] of this.links) {
      if (this.may(entity, now)) continue;
      this.detached(link);
      link.close(EXPIRED);
    }
  }

  /** The answer goes to the link that reads from where the question was sent. */
  answer(question: Message, address: string, answer: Message): void {
    const senders = [...this.answering].filter(({ source }) => addressOf(source) === address);
    const wanted = senders.find(({ target }) => addressOf(target) === question.reply_to) ?? senders[0];
    wanted?.send({ ...answer, correlation_id: question.message_id, to: question.reply_to });
  }

  ended(): void {
    for (const { end } of this.links.values()) end();
    this.links.clear();
    this.answering.clear();
  }
}

export const addressOf = (terminus: unknown): string => {
  const address = (terminus as { readonly address?: unknown } | null | undefined)?.address;
  return typeof address === 'string' ? address : '';
};
