import type { TLSSocket } from 'node:tls';
import type { Hub } from '../hub/hub.js';
import { HubError } from '../hub/hub-error.js';
import { authorizePolicy, type AuthorizeContext } from '../security/authorize.js';
import { AmqpRefusal, amqpError } from './amqp-refusal.js';
import { readC2d } from './c2d-message.js';
import { serveFeedback } from './feedback-link.js';
import { manage } from './management.js';
import { PartitionReaders } from './partition-readers.js';
import { addressOf, Peer, type Entity } from './peer.js';
import {
  createContainer,
  type AmqpError,
  type Connection,
  type ConnectionOptions,
  type EventContext,
  type Message,
  type Receiver,
  type Sender,
} from './rhea.js';

export interface AmqpContext {
  readonly hub: Hub;
  authorization(): AuthorizeContext;
  /** Where the event hub is, for the redirect. */
  readonly host: { readonly name: string; readonly port: number };
  log(line: string): void;
}

/** rhea's types know of the side that connects only. */
type ServerConnection = Connection & {
  accept(socket: TLSSocket): void;
  eof(): void;
  on_disposition(frame: { readonly channel: number }): void;
  readonly remote_channel_map: Readonly<Record<number, unknown>>;
};

const AMQPS_PORT = 5_671;
const IDLE_MS = 240_000;
const CREDIT = 100;
/** From the farewell to the end of a connection. */
const FAREWELL_MS = 200;
const C2D: Entity = { path: 'messages/devicebound', isEventHub: false };
const FEEDBACK: Entity = { path: 'messages/servicebound/feedback', isEventHub: false };
const EVENTS: Entity = { path: 'messages/events', isEventHub: false };

/** The hub's AMQP side, and that of its event hub: both on one port, told apart by addresses. */
export class AmqpServer {
  private readonly container = createContainer({ id: 'iothub-simulator' });
  private readonly peers = new Map<Connection, Peer>();
  private readonly sockets = new Map<Connection, TLSSocket>();
  private readonly readers: PartitionReaders;

  constructor(private readonly context: AmqpContext) {
    this.readers = new PartitionReaders(context.hub);
    const { container } = this;
    (container.sasl_server_mechanisms as { enable_anonymous(): void }).enable_anonymous();
    container.on('connection_open', ({ connection }: EventContext) => {
      this.peers.set(connection, new Peer(connection));
    });
    for (const end of ['disconnected', 'connection_close']) {
      container.on(end, ({ connection }: EventContext) => this.ended(connection));
    }
    container.on('sender_open', ({ connection, sender }: EventContext) => {
      if (sender !== undefined)
        this.attach(connection, sender, sender.source, (peer) => this.give(peer, sender));
    });
    container.on('receiver_open', ({ connection, receiver }: EventContext) => {
      if (receiver !== undefined) {
        this.attach(connection, receiver, receiver.target, (peer) => this.take(peer, receiver));
      }
    });
    container.on('sender_close', ({ connection, sender }: EventContext) => {
      if (sender !== undefined) this.peers.get(connection)?.detached(sender);
    });
    container.on('receiver_close', ({ connection, receiver }: EventContext) => {
      if (receiver !== undefined) this.peers.get(connection)?.detached(receiver);
    });
    container.on('message', (event: EventContext) => this.receive(event));
    // Who goes away in the middle of something is no error of the hub's.
    for (const name of ['connection_error', 'session_error', 'sender_error', 'receiver_error', 'error']) {
      container.on(name, () => context.log(`amqp: ${name}`));
    }
  }

  accept(socket: TLSSocket): void {
    const options = {
      autoaccept: false,
      idle_time_out: IDLE_MS,
      receiver_options: { credit_window: CREDIT },
    };
    const connection = this.container.create_connection(
      options as unknown as ConnectionOptions,
    ) as ServerConnection;
    forgiveLateDispositions(connection);
    connection.accept(socket);
    this.sockets.set(connection, socket);
    // rhea waits for the end of the stream, which never comes from a socket that was destroyed.
    socket.on('close', () => {
      this.sockets.delete(connection);
      connection.eof();
    });
  }

  tick(): void {
    const now = this.context.hub.signatureNow();
    for (const peer of this.peers.values()) peer.expire(now);
  }

  /** Ends all connections: cut as by a lost network, or with an error as a farewell. Returns how many. */
  drop(farewell?: AmqpError): number {
    const dropped = [...this.sockets];
    for (const [connection, socket] of dropped) {
      if (farewell === undefined) socket.destroy();
      else {
        connection.close(farewell);
        setTimeout(() => socket.destroy(), FAREWELL_MS);
      }
    }
    return dropped.length;
  }

  private attach(
    connection: Connection,
    link: Sender | Receiver,
    terminus: unknown,
    open: (peer: Peer) => void,
  ): void {
    const peer = this.peers.get(connection);
    if (peer === undefined) return;
    const address = addressOf(terminus);
    try {
      if (address !== '$cbs') this.strike(address);
      open(peer);
    } catch (error) {
      link.close(amqpError(error));
    }
  }

  /** A client wants to read. Refuses by throwing. */
  private give(peer: Peer, sender: Sender): void {
    const address = addressOf(sender.source);
    const path = pathOf(address);
    if (isQuestionable(address)) peer.answerBy(sender);
    else if (/^messages\/events\b/i.test(path)) {
      this.require(peer, EVENTS);
      throw new AmqpRefusal(this.redirect());
    } else if (path.toLowerCase() === FEEDBACK.path) {
      this.require(peer, FEEDBACK);
      peer.attach(sender, FEEDBACK, serveFeedback(this.context.hub, sender));
    } else {
      const entity = { path, isEventHub: true };
      this.require(peer, entity);
      peer.attach(sender, entity, this.readers.open(sender, path));
    }
    sender.set_source({ ...sender.source, address });
  }

  /** A client wants to send. Refuses by throwing. */
  private take(peer: Peer, receiver: Receiver): void {
    const address = addressOf(receiver.target);
    if (pathOf(address).toLowerCase() === C2D.path) {
      this.require(peer, C2D);
      peer.attach(receiver, C2D, () => undefined);
    } else if (!isQuestionable(address)) {
      throw new AmqpRefusal({ condition: 'amqp:not-found', description: `${address} is not simulated` });
    }
    receiver.set_target({ address });
  }

  private receive({ connection, receiver, message, delivery }: EventContext): void {
    const peer = this.peers.get(connection);
    if (peer === undefined || receiver === undefined || message === undefined || delivery === undefined)
      return;
    const address = addressOf(receiver.target);
    if (isQuestionable(address)) {
      delivery.accept();
      if (this.isSilent(address)) return;
      const answer = address === '$cbs' ? this.putToken(peer, message) : this.manage(message);
      peer.answer(message, address, answer);
      return;
    }
    try {
      const { hub } = this.context;
      hub.throttle('c2dSend');
      const { deviceId, request } = readC2d(message, hub.now());
      hub.sendToDevice(deviceId, request);
      delivery.accept();
    } catch (error) {
      delivery.reject(amqpError(error));
    }
  }

  private putToken(peer: Peer, message: Message): Message {
    const { name } = (message.application_properties ?? {}) as { readonly name?: unknown };
    const token = typeof message.body === 'string' ? message.body : '';
    const grant = authorizePolicy(token, this.context.authorization());
    if (grant === undefined) return status(401, 'The token is not valid');
    peer.grant(String(name), grant);
    return status(200, 'OK');
  }

  private manage(message: Message): Message {
    return manage(this.context.hub, message, (token) => {
      const grant = authorizePolicy(token, this.context.authorization());
      return grant?.rights.includes('ServiceConnect') === true;
    });
  }

  private require(peer: Peer, entity: Entity): void {
    if (peer.may(entity, this.context.hub.signatureNow())) return;
    throw new HubError('IotHubUnauthorizedAccess', `Unauthorized access to ${entity.path}`);
  }

  private strike(address: string): void {
    const fault = this.context.hub.faults.strike('attach-error', (one) => address.includes(one.address));
    if (fault === undefined) return;
    const { condition, description = 'A fault was injected' } = fault;
    throw new AmqpRefusal({ condition, description });
  }

  private isSilent(address: string): boolean {
    const fault = this.context.hub.faults.strike('amqp-silence', (one) => address.includes(one.address));
    return fault !== undefined;
  }

  private redirect(): AmqpError {
    const { name, port } = this.context.host;
    return {
      condition: 'amqp:link:redirect',
      description: 'Permanently redirected',
      info: {
        hostname: port === AMQPS_PORT ? name : `${name}:${port}`,
        'network-host': name,
        port,
        address: `amqps://${name}:${port}/${this.context.hub.events.name}/$management`,
      },
    };
  }

  private ended(connection: Connection): void {
    this.peers.get(connection)?.ended();
    this.peers.delete(connection);
  }
}

const status = (code: number, description: string): Message => ({
  body: '',
  application_properties: {
    'status-code': code,
    'status-description': description,
    ...(code === 401 ? { 'error-condition': 'amqp:unauthorized-access' } : {}),
  },
});

/**
 * Microsoft's client says of messages that it had in hand what became of them, also after it has ended their session. rhea would end
 * the connection for that, and with it the other partitions that are read by it.
 */
const forgiveLateDispositions = (connection: ServerConnection): void => {
  const take = connection.on_disposition.bind(connection);
  connection.on_disposition = (frame) => {
    if (connection.remote_channel_map[frame.channel] !== undefined) take(frame);
  };
};

/** Some clients send whole URLs. */
const pathOf = (address: string): string => address.replace(/^\w+:\/\/[^/]+/, '').replace(/^\/+/, '');

/** `$cbs`, and `$management` of the event hub; that of `messages/events` is redirected. */
const isQuestionable = (address: string): boolean =>
  address === '$cbs' || (/\$management$/i.test(address) && !/^messages\//i.test(pathOf(address)));
