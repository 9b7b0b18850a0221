import { urlsIn } from '@muster/observability';

/** Where a node of the broker takes MQTT, and as whom the front logs in there. */
export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  /** Never logged. */
  readonly password: string;
}

/** The nodes of the broker, mostly one: where a name stands for several, the network spreads connections. */
export class BrokerNodes {
  private readonly addresses: readonly BrokerAddress[];
  private turn = 0;

  /** URLs, with commas between. */
  constructor(urls: string) {
    this.addresses = urlsIn(urls).map(addressOf);
  }

  /** All of them; each time another is the first. */
  inTurn(): readonly BrokerAddress[] {
    const first = this.turn++ % this.addresses.length;
    return [...this.addresses.slice(first), ...this.addresses.slice(0, first)];
  }
}

const addressOf = (text: string): BrokerAddress => {
  const { hostname, port, username, password } = new URL(text);
  return {
    host: hostname,
    port: port === '' ? 1_883 : Number(port),
    username: decodeURIComponent(username),
    password: decodeURIComponent(password),
  };
};
