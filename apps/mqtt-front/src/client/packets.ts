import type { Packet } from 'mqtt-packet';
import type { Speaker } from './client-parts.js';
import { ExactlyOnce, idOf } from './packet-ids.js';
import { forBroker, forClient } from './passed-on.js';
import { asSent, Publishing } from './publishing.js';
import { Subscribing } from './subscribing.js';

/** What an acknowledgement counts for, in messages. */
const ACKNOWLEDGEMENT = 0.2;

/** Of MQTT 5: another connection has the client's session now. */
const TAKEN_OVER = 0x8e;

/** What becomes of each packet after CONNECT, in both directions. */
export class Packets {
  private readonly exactlyOnce = new ExactlyOnce();
  private readonly publishing: Publishing;
  private readonly subscribing: Subscribing;

  constructor(private readonly client: Speaker) {
    this.subscribing = new Subscribing(client);
    this.publishing = new Publishing(client, this.exactlyOnce, this.subscribing);
  }

  /** A promise: the next packet waits for it. Never rejects. */
  receive(packet: Packet): void | Promise<void> {
    const { client } = this;
    if (packet.cmd === 'publish') return this.publishing.receive(packet);
    if (packet.cmd === 'subscribe') return this.subscribing.subscribe(packet);
    if (packet.cmd === 'unsubscribe') this.subscribing.unsubscribe(packet);
    else if (packet.cmd === 'pubrel') {
      if (!this.exactlyOnce.release(idOf(packet))) {
        client.end('protocol-error', 'a PUBREL before its PUBREC');
        return;
      }
      client.charge(ACKNOWLEDGEMENT);
      client.flow.write(client.wire.pubcomp(idOf(packet)));
    } else if (packet.cmd === 'puback') {
      client.charge(ACKNOWLEDGEMENT);
      client.sendToBroker(client.wire.puback(idOf(packet)));
    } else if (packet.cmd === 'pingreq') {
      client.charge(1);
      client.flow.write(client.wire.pingresp());
    } else if (packet.cmd === 'disconnect') {
      const goodbye = { ...packet, properties: forBroker(packet.properties) };
      client.end('disconnected', undefined, client.wire.isFive ? client.wire.bytes(goodbye) : undefined);
    } else client.end('protocol-error', `${packet.cmd} from a client`);
  }

  fromBroker(packet: Packet): void {
    const { flow, wire } = this.client;
    if (packet.cmd === 'pingresp') return; // to a PINGREQ of the front
    if (packet.cmd === 'disconnect') {
      // Only in MQTT 5. The client is told by its end what there is to tell, once.
      const isTakenOver = packet.reasonCode === TAKEN_OVER;
      this.client.end(isTakenOver ? 'taken-over' : 'broker', `the broker ended it with ${packet.reasonCode}`);
      return;
    }
    if (packet.cmd === 'suback') {
      const codes = this.subscribing.answered(packet);
      if (codes !== undefined) flow.write(wire.suback(idOf(packet), codes));
    } else if (packet.cmd === 'puback') {
      const id = idOf(packet);
      const cmd = this.exactlyOnce.taken(id) ? 'pubrec' : 'puback';
      const { reasonCode = 0 } = packet;
      // Only 5 can say that it was not taken.
      if (reasonCode >= 0x80) {
        this.exactlyOnce.release(id);
        flow.write(wire.bytes({ ...packet, cmd }));
      } else flow.write(wire[cmd](id));
    } else if (packet.cmd === 'publish') {
      flow.write(wire.bytes({ ...asSent(packet), properties: forClient(packet.properties) }));
    } else flow.write(wire.bytes(packet));
  }
}
