import type { TLSSocket } from 'node:tls';
import type { Hub } from '../hub/hub.js';
import { HubError } from '../hub/hub-error.js';
import { authorizePolicy, covers, type AuthorizeContext, type Grant } from '../security/authorize.js';
import { AmqpRefusal, amqpError } from './amqp-refusal.js';
import { readC2d } from './c2d-message.js';
import { FeedbackLink } from './feedback-link.js';
import { manage } from './management.js';
import { PartitionReaders } from './partition-readers.js';
import {
  createContainer,
  type AmqpError,
  type Connection,
  type ConnectionOptions,
  type EventContext,
  type Message,
  type Sender,
} from './rhea.js';

export interface AmqpContext {
  readonly hub: Hub;
  authorization(): AuthorizeContext;
  /** Where the event hub is, for the redirect: a name and a port. */
  readonly host: { readonly name: string; readonly port: number };
  log(line: string): void;
}

/** Something that a link was attached to, and that must know when the link is gone. */
interface Attached {
  close(): void;
}

interface Peer {
  readonly connection: Connection;
  readonly grants: Map<string, Grant>;
  readonly links: Map<Sender, Attached>;
  /** Links by which questions to `$cbs` and `$management` are answered. */
  readonly answering: Set<Sender>;
}

const IDLE_MS = 240_000;
const CREDIT = 100;

/** The hub's AMQP side, and that of its event hub: both on one port, told apart by addresses. */
export class AmqpServer {
  private readonly container = createContainer({ id: 'iothub-simulator' });
  private readonly peers = new Map<Connection, Peer>();
  private readonly readers: PartitionReaders;

  constructor(private readonly context: AmqpContext) {
    this.readers = new PartitionReaders(context.hub);
    const { container } = this;
    (container.sasl_server_mechanisms as { enable_anonymous(): void }).enable_anonymous();
    container.on('connection_open', ({ connection }: EventContext) => {
      this.peers.set(connection, { connection, grants: new Map(), links: new Map(), answering: new Set() });
    });
    container.on('disconnected', ({ connection }: EventContext) => this.forget(connection));
    container.on('connection_close', ({ connection }: EventContext) => this.forget(connection));
    container.on('sender_open', (event: EventContext) => this.attachSender(event));
    container.on('receiver_open', (event: EventContext) => this.attachReceiver(event));
    container.on('sender_close', ({ connection, sender }: EventContext) => this.detach(connection, sender));
    container.on('message', (event: EventContext) => this.receive(event));
    // Who goes away in the middle of something is no error of the hub's.
    for (const name of ['connection_error', 'session_error', 'sender_error', 'receiver_error', 'error']) {
      container.on(name, () => this.context.log(`amqp: ${name}`));
    }
  }

  accept(socket: TLSSocket): void {
    const options = {
      autoaccept: false,
      idle_time_out: IDLE_MS,
      receiver_options: { credit_window: CREDIT },
    };
    // rhea's types know of the side that connects only.
    const connection = this.container.create_connection(options as unknown as ConnectionOptions);
    (connection as Connection & { accept(socket: TLSSocket): void }).accept(socket);
    socket.on('close', () => this.forget(connection));
  }

  /** Links whose token is over, or whose key is revoked, end as they do in Azure. */
  tick(): void {
    const now = this.context.hub.signatureNow();
    for (const { connection, grants, links } of this.peers.values()) {
      if (links.size === 0 || [...grants.values()].some(({ expiresAt }) => expiresAt > now)) continue;
      connection.close({ condition: 'amqp:unauthorized-access', description: 'The token has expired' });
    }
  }

  /** Ends connections with an error, as the service does when it moves. Returns how many. */
  drop(error: AmqpError): number {
    const dropped = [...this.peers.keys()];
    for (const connection of dropped) connection.close(error);
    return dropped.length;
  }

  private attachSender({ connection, sender }: EventContext): void {
    const peer = this.peers.get(connection);
    if (sender === undefined || peer === undefined) return;
    const address = addressOf(sender.source);
    try {
      if (address !== '$cbs') this.strikeAttach(address);
      if (isQuestionable(address)) peer.answering.add(sender);
      else peer.links.set(sender, this.open(peer, sender, address));
      sender.set_source({ ...sender.source, address });
    } catch (error) {
      sender.close(amqpError(error));
    }
  }

  /** Refuses by throwing; what an address is, and who may read it. */
  private open(peer: Peer, sender: Sender, address: string): Attached {
    const { hub } = this.context;
    const path = pathOf(address);
    if (/^messages\/events\b/i.test(path)) {
      this.require(peer, 'messages/events', false);
      throw new AmqpRefusal(this.redirect());
    }
    if (path.toLowerCase() === 'messages/servicebound/feedback') {
      this.require(peer, path, false);
      return new FeedbackLink(hub, sender);
    }
    this.require(peer, path, true);
    return this.readers.open(sender, path);
  }

  private attachReceiver({ connection, receiver }: EventContext): void {
    const peer = this.peers.get(connection);
    if (receiver === undefined || peer === undefined) return;
    const address = addressOf(receiver.target);
    try {
      if (address !== '$cbs') this.strikeAttach(address);
      const path = pathOf(address);
      if (/^messages\/devicebound$/i.test(path)) this.require(peer, path, false);
      else if (!isQuestionable(address)) {
        throw new AmqpRefusal({ condition: 'amqp:not-found', description: `${address} is not simulated` });
      }
      receiver.set_target({ address });
    } catch (error) {
      receiver.close(amqpError(error));
    }
  }

  private receive({ connection, receiver, message, delivery }: EventContext): void {
    const peer = this.peers.get(connection);
    if (peer === undefined || receiver === undefined || message === undefined || delivery === undefined)
      return;
    const address = addressOf(receiver.target);
    if (address === '$cbs') {
      delivery.accept();
      this.reply(peer, message, '$cbs', this.putToken(peer, message));
    } else if (isQuestionable(address)) {
      delivery.accept();
      const { hub } = this.context;
      this.reply(
        peer,
        message,
        address,
        manage(hub, message, (token) => this.mayManage(token)),
      );
    } else {
      try {
        this.context.hub.throttle('c2dSend');
        const { deviceId, request } = readC2d(message, this.context.hub.now());
        this.context.hub.sendToDevice(deviceId, request);
        delivery.accept();
      } catch (error) {
        delivery.reject(amqpError(error));
      }
    }
  }

  private putToken(peer: Peer, message: Message): Message {
    const token = typeof message.body === 'string' ? message.body : '';
    const name = String(message.application_properties?.['name'] ?? '');
    const grant = authorizePolicy(token, this.context.authorization());
    if (grant === undefined) return status(401, 'The token is not valid', 'amqp:unauthorized-access');
    peer.grants.set(name, grant);
    return status(200, 'OK');
  }

  private mayManage(token: string): boolean {
    const grant = authorizePolicy(token, this.context.authorization());
    return grant?.rights.includes('ServiceConnect') === true;
  }

  /** The answer goes to the link of the same connection that reads from where the question was sent. */
  private reply(peer: Peer, question: Message, address: string, answer: Message): void {
    const senders = [...peer.answering].filter((sender) => addressOf(sender.source) === address);
    const wanted = senders.find((sender) => addressOf(sender.target) === question.reply_to) ?? senders[0];
    wanted?.send({
      ...answer,
      correlation_id: question.message_id,
      to: question.reply_to,
    });
  }

  private require(peer: Peer, path: string, isEventHub: boolean): void {
    const now = this.context.hub.signatureNow();
    const granted = [...peer.grants.values()].some(
      (grant) =>
        grant.rights.includes('ServiceConnect') &&
        grant.resource.includes('://') === isEventHub &&
        grant.expiresAt > now &&
        covers(grant, path),
    );
    if (!granted) throw new HubError('IotHubUnauthorizedAccess', `Unauthorized access to ${path}`);
  }

  private strikeAttach(address: string): void {
    const fault = this.context.hub.faults.strike('attach-error', (one) => address.includes(one.address));
    if (fault === undefined) return;
    const { condition, description = 'A fault was injected' } = fault;
    throw new AmqpRefusal({ condition, description });
  }

  private redirect(): AmqpError {
    const { host, hub } = this.context;
    return {
      condition: 'amqp:link:redirect',
      description: 'Permanently redirected',
      info: {
        hostname: host.port === 5671 ? host.name : `${host.name}:${host.port}`,
        'network-host': host.name,
        port: host.port,
        address: `amqps://${host.name}:${host.port}/${hub.events.name}/$management`,
      },
    };
  }

  private detach(connection: Connection, sender: Sender | undefined): void {
    const peer = this.peers.get(connection);
    if (sender === undefined || peer === undefined) return;
    peer.answering.delete(sender);
    peer.links.get(sender)?.close();
    peer.links.delete(sender);
  }

  private forget(connection: Connection): void {
    const peer = this.peers.get(connection);
    if (peer === undefined) return;
    this.peers.delete(connection);
    for (const attached of peer.links.values()) attached.close();
  }
}

const status = (code: number, description: string, condition?: string): Message => ({
  body: '',
  application_properties: {
    'status-code': code,
    'status-description': description,
    ...(condition === undefined ? {} : { 'error-condition': condition }),
  },
});

const addressOf = (terminus: unknown): string => {
  const address = (terminus as { address?: unknown } | null | undefined)?.address;
  return typeof address === 'string' ? address : '';
};

/** Some clients send whole URLs. */
const pathOf = (address: string): string => address.replace(/^\w+:\/\/[^/]+/, '').replace(/^\/+/, '');

/** `$cbs`, and `$management` of the event hub; that of `messages/events` is redirected. */
const isQuestionable = (address: string): boolean =>
  address === '$cbs' || (/\$management$/i.test(address) && !/^messages\//i.test(pathOf(address)));
