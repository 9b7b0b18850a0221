import { patternsOverlap, pushPatterns, RESOURCES } from '@muster/kp1';

/** What a subscription is for: the version and the token in its topic. */
export interface SubscribedAs {
  readonly appVersion: string;
  readonly token: string;
}

const MAX_CLIENTS = 200_000;
const MAX_PATTERNS_PER_CLIENT = 1_000;

/** undefined: too short to name a token, or it stands for several. */
export const subscribedAs = (pattern: string): SubscribedAs | undefined => {
  const [, appVersion, , token] = pattern.split('.');
  return appVersion === undefined || token === undefined ? undefined : { appVersion, token };
};

/** The client whose session a queue is; undefined: it is none. */
export const sessionOf = (queue: unknown): string | undefined =>
  typeof queue === 'string' ? /^mqtt-subscription-(.*)qos[01]$/s.exec(queue)?.[1] : undefined;

/**
 * Whether a subscription, as RabbitMQ writes it, gets something that is pushed to its token: of any extension, or of one.
 */
export const coversPush = (pattern: string, extension?: string): boolean =>
  pushesCovered(pattern, extension).length > 0;

/** Of the patterns of what is pushed to its token, those that it gets something of. */
export const pushesCovered = (pattern: string, extension?: string): readonly string[] => {
  const as = subscribedAs(pattern);
  if (as === undefined) return [];
  const resources = RESOURCES.filter((one) => extension === undefined || one.extension === extension);
  return pushPatterns(as, resources).filter((pushed) => patternsOverlap(pattern, pushed));
};

/**
 * Which pushes a client has subscribed to, by its client id: for a session that is older than what `Sessions` has been told,
 * because a client that comes back to its session makes no binding. After a restart of this process it is known when the
 * client subscribes, if only once more. What changed meanwhile was sent to it after the start (`makeUp` of libs/downlink),
 * which the broker keeps for a session whose client is away; only what it was sent and did not confirm is not offered again
 * until it subscribes or asks.
 */
export class Subscribers {
  private readonly clients = new Map<string, Set<string>>();

  add(clientId: string, pattern: string): void {
    const patterns = this.clients.get(clientId) ?? new Set<string>();
    if (patterns.size < MAX_PATTERNS_PER_CLIENT) patterns.add(pattern);
    // To the end: the first is the one that was longest without a subscription.
    this.clients.delete(clientId);
    this.clients.set(clientId, patterns);
    const oldest = this.clients.keys().next();
    if (this.clients.size > MAX_CLIENTS && oldest.done !== true) this.clients.delete(oldest.value);
  }

  of(clientId: string): readonly string[] {
    return [...(this.clients.get(clientId) ?? [])];
  }
}
