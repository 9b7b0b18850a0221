import type { AccessEntry } from '@muster/contracts/device-registry/access.requests';
import { matchResource } from '@muster/kp1';
import type { IConnectPacket } from 'mqtt-packet';
import type { Speaker } from './client-parts.js';
import { judgePublish } from './topic-rules.js';

type Will = NonNullable<IConnectPacket['will']>;

/** For which device a will is published, and as which version. */
export interface WillRight {
  readonly kind: 'admitted';
  readonly entry: AccessEntry;
  readonly appVersion: string;
}

export type WillVerdict = WillRight | { readonly kind: 'refused'; readonly why: string };

/** A will is a publish that is said in advance. Rejects with what passes. */
export const judgeWill = async (
  will: Will,
  { parts, identity }: Pick<Speaker, 'parts' | 'identity'>,
): Promise<WillVerdict> => {
  const refused = (why: string): WillVerdict => ({ kind: 'refused', why });
  const verdict = judgePublish(will.topic);
  if (verdict.kind === 'hostile') return refused(verdict.why);
  if (verdict.kind === 'refused') return refused(verdict.reasonPhrase);
  if (Buffer.byteLength(will.payload) > parts.options.maxPayloadBytes) return refused('it is too large');
  // No queue is bound for it: the broker would drop it, and nobody would be told.
  if (matchResource(verdict.topic) === undefined) return refused('unknown resource');
  const { token, appVersion } = verdict.topic;
  const access = await parts.access.of(identity, token, appVersion);
  if (access.kind === 'undecided') throw new Error(`its device could not be asked for: ${access.why}`);
  if (access.kind === 'refused') return refused(access.reasonPhrase);
  return { kind: 'admitted', entry: access.entry, appVersion };
};
