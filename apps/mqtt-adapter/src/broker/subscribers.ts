import { formatRoutingKey, matchesBinding, pushTopic } from '@muster/kp1';

/** What a client may be subscribed to, as far as pushes go. */
export interface SubscribedAs {
  readonly appVersion: string;
  readonly token: string;
}

const MAX_CLIENTS = 200_000;
const MAX_TOKENS_PER_CLIENT = 1_000;

/** Whether a subscription, as RabbitMQ writes it, gets the configuration that is pushed to this token. */
export const coversConfigurationPush = (pattern: string, { appVersion, token }: SubscribedAs): boolean =>
  matchesBinding(
    pattern,
    formatRoutingKey(pushTopic({ appVersion, extension: 'cmx', token, path: ['config', 'json'] })),
  );

/**
 * Which tokens a client has subscribed for, by its client id. A client that comes back to its session subscribes to
 * nothing, and the broker then names only the session; this tells whose it is. Memory of this process: after a restart a
 * resumed session is not known, and its device gets a change with the next one, or when it asks.
 */
export class Subscribers {
  private readonly clients = new Map<string, Map<string, SubscribedAs>>();

  add(clientId: string, subscribed: SubscribedAs): void {
    const tokens = this.clients.get(clientId) ?? new Map<string, SubscribedAs>();
    if (tokens.size < MAX_TOKENS_PER_CLIENT) tokens.set(subscribed.token, subscribed);
    // To the end: the first is the one that was longest without a subscription.
    this.clients.delete(clientId);
    this.clients.set(clientId, tokens);
    const oldest = this.clients.keys().next();
    if (this.clients.size > MAX_CLIENTS && oldest.done !== true) this.clients.delete(oldest.value);
  }

  of(clientId: string): readonly SubscribedAs[] {
    return [...(this.clients.get(clientId)?.values() ?? [])];
  }
}
