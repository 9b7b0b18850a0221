import { connect, credsAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import { integratorsAccountJwt, type IntegratorsAccount } from './integrators-account.js';
import type { IntegrationKeys } from './trust.js';

/** The server did not take or tell what was asked of it: it is away, or has other keys than ours. */
export class AccountsUnavailable extends Error {
  override readonly name = 'AccountsUnavailable';
}

const TIMEOUT_MS = 5_000;

/**
 * A connection to the system account, by which accounts are changed while the server runs. It reconnects for ever; `put`
 * fails with `AccountsUnavailable` while it is away.
 */
export class AccountsLink {
  /**
   * Account → what the server took since it last came back; it may have come back without its disk. Compared before
   * anything is signed, which takes this library some 20 ms.
   */
  private readonly taken = new Map<string, string>();

  private constructor(
    private readonly connection: NatsConnection,
    private readonly keys: IntegrationKeys,
  ) {
    void this.watch();
  }

  /** Tries once: a server that has other keys refuses for ever. */
  static async open(url: string, keys: IntegrationKeys): Promise<AccountsLink> {
    try {
      const connection = await connect({
        servers: url.split(/,\s*/),
        name: 'identity accounts',
        authenticator: credsAuthenticator(new TextEncoder().encode(keys.systemCredentials)),
        timeout: TIMEOUT_MS,
        maxReconnectAttempts: -1,
        ignoreAuthErrorAbort: true,
        reconnectTimeWait: 250,
        reconnectJitter: 250,
        pingInterval: 5_000,
        maxPingOut: 2,
      });
      return new AccountsLink(connection, keys);
    } catch (error) {
      throw new AccountsUnavailable('NATS does not let us change accounts', { cause: error });
    }
  }

  /** Resolves when the server acts by this: connections of users it revokes are closed. */
  async put(account: IntegratorsAccount): Promise<void> {
    const wanted = JSON.stringify({ ...account, revoked: [...account.revoked].sort() });
    if (this.taken.get(account.account) === wanted) return;
    await this.give(await integratorsAccountJwt(this.keys, account));
    this.taken.set(account.account, wanted);
  }

  /** The same for one that is signed. */
  async give(jwt: string): Promise<void> {
    let answer: unknown;
    try {
      const reply = await this.connection.request('$SYS.REQ.CLAIMS.UPDATE', jwt, { timeout: TIMEOUT_MS });
      answer = reply.json();
    } catch (error) {
      throw new AccountsUnavailable('NATS does not answer about accounts', { cause: error });
    }
    if (!isTaken(answer)) throw new AccountsUnavailable('NATS refused an account');
  }

  async close(): Promise<void> {
    await this.connection.close();
  }

  private async watch(): Promise<void> {
    for await (const { type } of this.connection.status()) if (type === 'disconnect') this.taken.clear();
  }
}

const isTaken = (answer: unknown): boolean => {
  const data = typeof answer === 'object' && answer !== null && 'data' in answer ? answer.data : undefined;
  return typeof data === 'object' && data !== null && 'code' in data && data.code === 200;
};
