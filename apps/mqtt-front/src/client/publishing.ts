import { AppError } from '@muster/contracts';
import { encodeError, matchResource, parseTopic, type ReplySuffix, type Topic } from '@muster/kp1';
import { describeToken, describeTopic, refusalOf, stamped, unstamped } from '@muster/uplink';
import type { IPublishPacket } from 'mqtt-packet';
import type { Speaker } from './client-parts.js';
import type { Access } from './device-access.js';
import { isEnrolment } from './enrolment.js';
import { type ExactlyOnce, idOf } from './packet-ids.js';
import type { Subscribing } from './subscribing.js';
import { judgePublish, MAX_TOPIC_BYTES } from './topic-rules.js';

type Work = void | Promise<void>;

/** Why a message is not passed on, for the client; and whose it would have been, for the log. */
interface Refusal {
  readonly statusCode: number;
  readonly reasonPhrase: string;
  readonly deviceId?: string;
}

const TELEMETRY = 'dcx';

/** A device that is subscribed to its own telemetry gets what it has sent. */
export const asSent = (packet: IPublishPacket): IPublishPacket => {
  const { payload } = packet;
  if (typeof payload === 'string' || parseTopic(packet.topic)?.extension !== TELEMETRY) return packet;
  return { ...packet, payload: unstamped(payload).payload };
};

/** PUBLISHes of one client: judged, and passed on or refused in words. */
export class Publishing {
  private hasEnrolled = false;

  constructor(
    private readonly client: Speaker,
    private readonly exactlyOnce: ExactlyOnce,
    private readonly subscribing: Pick<Subscribing, 'hears' | 'speaksAs'>,
  ) {}

  receive(packet: IPublishPacket): Work {
    const { client } = this;
    const { metrics, access } = client.parts;
    const verdict = judgePublish(packet.topic);
    if (verdict.kind === 'hostile') {
      client.end('protocol-error', verdict.why);
      return;
    }
    if (packet.properties?.topicAlias !== undefined) {
      client.end('protocol-error', 'a topic alias, which was not offered');
      return;
    }
    if (packet.qos === 2 && !this.isFirst(idOf(packet))) return;
    if (packet.retain) metrics.retained.inc();
    if (isEnrolment(packet.topic)) return this.enrol(packet);
    if (verdict.kind === 'refused') {
      client.opensNothing();
      this.refuse(packet, verdict);
      return;
    }
    const { topic } = verdict;
    const found = access.of(client.identity, topic.token, topic.appVersion);
    return found instanceof Promise
      ? found.then((one) => this.decided(packet, topic, one))
      : this.decided(packet, topic, found);
  }

  private decided(packet: IPublishPacket, topic: Topic, access: Access): Work {
    const { client } = this;
    if (client.isEnded()) return;
    if (access.kind === 'undecided') client.cannotDecide(access.why);
    else if (access.kind === 'refused') {
      client.opensNothing();
      this.refuse(packet, access);
    } else if (client.session !== undefined) this.pass(packet, topic, access);
    else {
      return client.become(access.entry).then((isThere) => {
        if (isThere) this.pass(packet, topic, access);
      });
    }
  }

  private pass(packet: IPublishPacket, topic: Topic, access: Extract<Access, { kind: 'admitted' }>): void {
    const { client } = this;
    const { entry } = access;
    client.uses(entry, topic.appVersion);
    this.subscribing.speaksAs(access, topic.appVersion);
    client.charge(1, entry);
    const { deviceId } = entry;
    const most = client.parts.options.maxPayloadBytes;
    if (packet.payload.length > most) {
      const reasonPhrase = `payload must have at most ${most} bytes`;
      this.refuse(packet, { statusCode: 413, reasonPhrase, deviceId }, 'to all who are subscribed');
      return;
    }
    if (matchResource(topic) === undefined) {
      // No queue is bound for it: the broker would drop it and say nothing.
      const refusal = { statusCode: 404, reasonPhrase: 'unknown resource', deviceId };
      this.refuse(packet, refusal, 'to all who are subscribed');
      return;
    }
    client.parts.metrics.publishes.inc({ outcome: 'forwarded' });
    // A sample without a time of its own has that of its arrival, which is now and not when it leaves the queue.
    const receivedAt = topic.extension === TELEMETRY ? client.parts.arrival() : undefined;
    const isDuplicate = packet.dup && client.parts.options.stampDuplicates === 'on';
    const payload =
      receivedAt === undefined ? packet.payload : stamped(packet.payload, receivedAt, isDuplicate);
    this.tell(topic, deviceId, receivedAt);
    client.sendToBroker(
      client.wire.bytes({
        ...packet,
        payload,
        qos: packet.qos === 0 ? 0 : 1,
        retain: false,
        properties: {},
      }),
    );
  }

  /** A message's first line in the log: from here on it is found by its device, and a sample by `receivedAt`, which its row has too. */
  private tell(topic: Topic, deviceId: string, receivedAt: number | undefined): void {
    const { parts, clientId } = this.client;
    if (!parts.logger.isLevelEnabled('debug')) return;
    parts.logger.debug(
      { deviceId, clientId, ...describeTopic(topic), ...(receivedAt === undefined ? {} : { receivedAt }) },
      'a message was passed on',
    );
  }

  /** A device without any credential gets its own, for a claim key: once, and shown to this connection alone. Never rejects. */
  private async enrol(packet: IPublishPacket): Promise<void> {
    const { client } = this;
    const { parts, identity, device, arrival } = client;
    client.opensNothing();
    try {
      if (this.hasEnrolled || identity.kind !== 'anonymous' || device !== undefined) {
        throw new AppError('not-allowed', 'one device enrols on a connection, and says nothing else before');
      }
      const enrolled = await parts.login.enrol(Buffer.from(packet.payload), arrival.address);
      this.hasEnrolled = true;
      parts.metrics.publishes.inc({ outcome: 'enrolled' });
      this.answer(packet, 'status', JSON.stringify(enrolled));
    } catch (error) {
      const told = refusalOf(error, true) ?? { statusCode: 500, reasonPhrase: 'internal error' };
      if (!client.isEnded()) this.refuse(packet, told);
    }
  }

  /** A PUBLISH of QoS 2 that came before is not sent again. */
  private isFirst(messageId: number): boolean {
    const what = this.exactlyOnce.publish(messageId);
    if (what === 'acknowledge') this.client.flow.write(this.client.wire.pubrec(messageId));
    return what === 'send';
  }

  /** In words, on the topic's `/error`; and acknowledged, because to send it again would not help. */
  private refuse(
    packet: IPublishPacket,
    { statusCode, reasonPhrase, deviceId }: Refusal,
    to: 'to the client' | 'to all who are subscribed' = 'to the client',
  ): void {
    const { parts, clientId, arrival } = this.client;
    const about = parseTopic(packet.topic);
    parts.metrics.publishes.inc({ outcome: `refused-${statusCode}` });
    parts.refusals.info(
      `${deviceId ?? clientId} ${reasonPhrase}`,
      {
        ...{ deviceId, clientId, address: arrival.address, statusCode, reason: reasonPhrase },
        ...(about === undefined ? {} : describeToken(about)),
      },
      'a message was refused',
    );
    this.answer(packet, 'error', encodeError(statusCode, reasonPhrase), to);
  }

  private answer(
    packet: IPublishPacket,
    suffix: ReplySuffix,
    body: string,
    to: 'to the client' | 'to all who are subscribed' = 'to the client',
  ): void {
    const { client } = this;
    const { flow, wire } = client;
    if (client.isEnded()) return;
    const topic = `${packet.topic}/${suffix}`;
    if (Buffer.byteLength(topic) <= MAX_TOPIC_BYTES) {
      const bytes = wire.publish(topic, body);
      // What a device is told of its own is told as mqtt-adapter tells it; who opens nothing, or is not subscribed yet, is told it alone.
      const isAlone = to === 'to the client';
      if (wire.isTaken(bytes) && (isAlone || !this.subscribing.hears(topic))) flow.write(bytes);
      if (!isAlone) client.sendToBroker(bytes);
    }
    const id = idOf(packet);
    if (packet.qos === 1) flow.write(wire.puback(id));
    if (packet.qos === 2 && this.exactlyOnce.taken(id)) flow.write(wire.pubrec(id));
  }
}
