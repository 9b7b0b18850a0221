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

/**
 * Whether a subscription, as RabbitMQ writes it, gets something that is pushed to its token: of any extension, or of one.
 */
export const coversPush = (pattern: string, extension?: string): boolean => {
  const as = subscribedAs(pattern);
  if (as === undefined) return false;
  const resources = RESOURCES.filter((one) => extension === undefined || one.extension === extension);
  return pushPatterns(as, resources).some((pushed) => patternsOverlap(pattern, pushed));
};

/**
 * Which pushes a client has subscribed to, by its client id. A client that comes back to its session subscribes to
 * nothing, and the broker then names only the session; this tells whose it is. Memory of this process: after a restart a
 * resumed session is not known. What changed meanwhile was sent to it after the start (`makeUp` of libs/downlink), which the broker keeps for a session
 * whose client is away; only what it was sent and did not confirm is not offered again until it subscribes or asks.
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
