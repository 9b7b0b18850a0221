import { platformFilters } from '@muster/kp1';
import type { ISubackPacket, ISubscribePacket, ISubscription, IUnsubscribePacket } from 'mqtt-packet';
import type { Speaker } from './client-parts.js';
import type { Access } from './device-access.js';
import { isEnrolmentAnswer } from './enrolment.js';
import { PartialSubscribes, idOf } from './packet-ids.js';
import { forBroker } from './passed-on.js';
import { SUBACK_REFUSED } from './protocol.js';
import { hears, judgeFilter } from './topic-rules.js';

/** What of a SUBSCRIBE goes on to the broker. */
interface Granted {
  readonly subscription: ISubscription;
  readonly access: Admitted;
  readonly appVersion: string;
}

type Admitted = Extract<Access, { kind: 'admitted' }>;

/** Packet id of a SUBSCRIBE of the front's own. Most clients count from 1. */
const OWN_ID = 65_535;

/** Subscriptions of one client: each filter for itself is passed on or refused. */
export class Subscribing {
  private readonly open = new PartialSubscribes();
  /** `{app version}/{token}` of devices whose type wants all to arrive without SUBSCRIBE. */
  private readonly unasked = new Set<string>();
  private readonly ownFilters = new Set<string>();
  /** Whose the SUBSCRIBEs are that have `OWN_ID` and no answer yet: true is ours. The broker answers in order. */
  private readonly withOwnId: boolean[] = [];

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
      // Only then is it known what its session is subscribed to already.
      const isAdmitted = access.kind === 'admitted';
      if (isAdmitted && client.session === undefined && !(await client.become(access.entry))) return;
      judged.push(this.grantedBy(access, { subscription, appVersion }));
    }
    const granted = judged.filter((one) => one !== undefined);
    if (granted.length === 0) {
      client.opensNothing();
      const codes = judged.map(() => SUBACK_REFUSED);
      client.flow.write(client.wire.suback(idOf(packet), codes));
      return;
    }
    this.pass(packet, judged, granted);
  }

  private pass(
    packet: ISubscribePacket,
    judged: readonly (Granted | undefined)[],
    granted: readonly Granted[],
  ): void {
    const { client } = this;
    for (const { access, appVersion } of granted) {
      client.uses(access.entry, appVersion);
      this.speaksAs(access, appVersion);
      // To subscribe says nothing of what runs: a client may subscribe as several versions. What it sends does.
      client.parts.sightings.note(access.entry);
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
    const subscriptions = granted.map(({ subscription, access, appVersion }) => ({
      ...subscription,
      // The broker has a queue for each quality of service, and what both are subscribed to would arrive twice.
      qos:
        subscription.qos === 0 && !this.unasked.has(keyOf(access, appVersion)) ? (0 as const) : (1 as const),
    }));
    const { properties } = packet;
    this.send({ ...packet, subscriptions, properties: forBroker(properties) }, 'of the client');
  }

  private send(packet: ISubscribePacket, whose: 'of the client' | 'our own'): void {
    const { client } = this;
    if (idOf(packet) === OWN_ID) this.withOwnId.push(whose === 'our own');
    client.subscribed(packet.subscriptions.map(({ topic }) => topic));
    client.sendToBroker(client.wire.bytes(packet));
  }

  /**
   * It is heard as this device, whether for the first time or not. Where its type wants that, it is subscribed to all that the
   * platform says to it: before its packet goes on, so that no answer comes earlier.
   */
  speaksAs(access: Admitted, appVersion: string): void {
    if (access.settings.deliverWithoutSubscribe !== true) return;
    const key = keyOf(access, appVersion);
    if (this.unasked.has(key) || this.unasked.size >= this.client.parts.options.filtersPerClient) return;
    this.unasked.add(key);
    const filters = platformFilters({ appVersion, token: access.entry.token });
    for (const filter of filters) this.ownFilters.add(filter);
    this.client.parts.metrics.filters.inc({ outcome: 'unasked' }, filters.length);
    const subscriptions = filters.map((topic) => ({ topic, qos: 1 as const }));
    this.send({ cmd: 'subscribe', messageId: OWN_ID, subscriptions }, 'our own');
  }

  /** The codes for all filters of a SUBSCRIBE that the broker has answered; undefined: the client has not asked for it. */
  answered(suback: ISubackPacket): readonly number[] | undefined {
    if (idOf(suback) === OWN_ID && this.withOwnId.shift() === true) return undefined;
    const codes = suback.granted.map((code) => (typeof code === 'number' ? code : SUBACK_REFUSED));
    return this.open.merge(idOf(suback), codes, SUBACK_REFUSED);
  }

  /** Whether it gets what is published there. What a session that was kept is subscribed to from before is not known here. */
  hears(topic: string): boolean {
    if (this.client.session?.connack.sessionPresent === true) return true;
    return [...this.client.filters, ...this.ownFilters].some((filter) => hears(filter, topic));
  }

  unsubscribe(packet: IUnsubscribePacket): void {
    const { client } = this;
    if (packet.unsubscriptions.length === 0) {
      client.end('protocol-error', 'an UNSUBSCRIBE without filters');
      return;
    }
    for (const filter of packet.unsubscriptions) client.filters.delete(filter);
    client.charge(1 + packet.unsubscriptions.length);
    const isOurs = (filter: string) => this.ownFilters.has(filter);
    const meant = packet.unsubscriptions.filter(
      (filter) => judgeFilter(filter).kind === 'filter' && !isOurs(filter),
    );
    if (client.session === undefined || meant.length === 0) {
      client.flow.write(client.wire.unsuback(idOf(packet), packet.unsubscriptions.length));
      return;
    }
    // In 5 each is answered for itself, and one that cannot exist as "no such subscription".
    const unsubscriptions = client.wire.isFive
      ? packet.unsubscriptions.map((filter) => (isOurs(filter) ? NO_SUBSCRIPTION : filter))
      : meant;
    client.sendToBroker(client.wire.bytes({ ...packet, unsubscriptions, properties: {} }));
  }

  private grantedBy(
    access: Exclude<Access, { kind: 'undecided' }>,
    wanted: Pick<Granted, 'subscription' | 'appVersion'>,
  ): Granted | undefined {
    const most = this.client.parts.options.filtersPerClient;
    const { filters } = this.client;
    const { topic } = wanted.subscription;
    if (access.kind === 'refused') this.refused(access.reasonPhrase);
    else if (!filters.has(topic) && filters.size >= most) this.refused(`more than ${most} filters`);
    else {
      filters.add(topic);
      return { access, ...wanted };
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

const keyOf = ({ entry }: Admitted, appVersion: string): string => `${appVersion}/${entry.token}`;

/** In place of a filter that stays. */
const NO_SUBSCRIPTION = 'kp1';
