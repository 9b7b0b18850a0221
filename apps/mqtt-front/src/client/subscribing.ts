import type { AccessEntry } from '@muster/contracts/device-registry/access.requests';
import type { ISubackPacket, ISubscribePacket, ISubscription, IUnsubscribePacket } from 'mqtt-packet';
import type { Speaker } from './client-parts.js';
import type { Access } from './device-access.js';
import { isEnrolmentAnswer } from './enrolment.js';
import { PartialSubscribes, idOf } from './packet-ids.js';
import { SUBACK_REFUSED } from './protocol.js';
import { hears, judgeFilter } from './topic-rules.js';

/** What of a SUBSCRIBE goes on to the broker. */
interface Granted {
  readonly subscription: ISubscription;
  readonly entry: AccessEntry;
  readonly appVersion: string;
}

/** Subscriptions of one client: each filter for itself is passed on or refused. */
export class Subscribing {
  private readonly open = new PartialSubscribes();
  private readonly filters = new Set<string>();

  constructor(private readonly client: Speaker) {}

  async subscribe(packet: ISubscribePacket): Promise<void> {
    const { client } = this;
    const judged: (Granted | undefined)[] = [];
    if (packet.subscriptions.length === 0) {
      client.end('protocol-error', 'a SUBSCRIBE without filters');
      return;
    }
    if (client.session === undefined && packet.subscriptions.every(({ topic }) => isEnrolmentAnswer(topic))) {
      client.charge(1);
      client.flow.write(
        client.wire.suback(
          idOf(packet),
          packet.subscriptions.map(() => 0),
        ),
      );
      return;
    }
    for (const subscription of packet.subscriptions) {
      const verdict = judgeFilter(subscription.topic);
      if (verdict.kind === 'refused') {
        this.refused(verdict.why);
        judged.push(undefined);
        continue;
      }
      const { token, appVersion } = verdict;
      const access: Access = await client.parts.access.of(client.identity, token, appVersion);
      if (client.isEnded()) return;
      if (access.kind === 'undecided') {
        client.cannotDecide(access.why);
        return;
      }
      judged.push(this.grantedBy(access, { subscription, appVersion }));
    }
    const granted = judged.filter((one) => one !== undefined);
    const first = granted[0];
    if (first === undefined) {
      client.opensNothing();
      const codes = judged.map(() => SUBACK_REFUSED);
      client.flow.write(client.wire.suback(idOf(packet), codes));
      return;
    }
    if (client.session === undefined && !(await client.become(first.entry))) return;
    this.pass(packet, judged, granted);
  }

  private pass(
    packet: ISubscribePacket,
    judged: readonly (Granted | undefined)[],
    granted: readonly Granted[],
  ): void {
    const { client } = this;
    for (const { entry, appVersion } of granted) {
      client.uses(entry, appVersion);
      // To subscribe says nothing of what runs: a client may subscribe as several versions. What it sends does.
      client.parts.sightings.note(entry);
    }
    client.charge(1 + granted.length);
    const isKept = this.open.sent(
      idOf(packet),
      judged.map((one) => one !== undefined),
    );
    if (!isKept) {
      client.end('protocol-error', 'too many SUBSCRIBEs without an answer');
      return;
    }
    client.parts.metrics.filters.inc({ outcome: 'forwarded' }, granted.length);
    const subscriptions = granted.map(({ subscription }) => ({
      ...subscription,
      qos: subscription.qos === 0 ? (0 as const) : (1 as const),
    }));
    client.subscribed(subscriptions.map(({ topic }) => topic));
    client.sendToBroker(client.wire.bytes({ ...packet, subscriptions }));
  }

  /** The codes for all filters of a SUBSCRIBE that the broker has answered. */
  answered(suback: ISubackPacket): readonly number[] {
    const codes = suback.granted.map((code) => (typeof code === 'number' ? code : SUBACK_REFUSED));
    return this.open.merge(idOf(suback), codes, SUBACK_REFUSED);
  }

  /** Whether it gets what is published there. What a session that was kept is subscribed to from before is not known here. */
  hears(topic: string): boolean {
    if (this.client.session?.connack.sessionPresent === true) return true;
    return [...this.filters].some((filter) => hears(filter, topic));
  }

  unsubscribe(packet: IUnsubscribePacket): void {
    const { client } = this;
    for (const filter of packet.unsubscriptions) this.filters.delete(filter);
    client.charge(1 + packet.unsubscriptions.length);
    const meant = packet.unsubscriptions.filter((filter) => judgeFilter(filter).kind === 'filter');
    if (client.session === undefined || meant.length === 0) {
      client.flow.write(client.wire.unsuback(idOf(packet), packet.unsubscriptions.length));
      return;
    }
    // In 5 each is answered for itself, and one that cannot exist as "no such subscription".
    const unsubscriptions = client.wire.isFive ? packet.unsubscriptions : meant;
    client.sendToBroker(client.wire.bytes({ ...packet, unsubscriptions }));
  }

  private grantedBy(
    access: Exclude<Access, { kind: 'undecided' }>,
    wanted: Pick<Granted, 'subscription' | 'appVersion'>,
  ): Granted | undefined {
    const most = this.client.parts.options.filtersPerClient;
    const { topic } = wanted.subscription;
    if (access.kind === 'refused') this.refused(access.reasonPhrase);
    else if (!this.filters.has(topic) && this.filters.size >= most) this.refused(`more than ${most} filters`);
    else {
      this.filters.add(topic);
      return { entry: access.entry, ...wanted };
    }
    return undefined;
  }

  private refused(why: string): void {
    const { parts, clientId, device, arrival } = this.client;
    parts.metrics.filters.inc({ outcome: 'refused' });
    parts.refusals.info(
      `${device?.deviceId ?? clientId} ${why}`,
      { ...device, clientId, address: arrival.address, why },
      'a subscription was refused',
    );
  }
}
