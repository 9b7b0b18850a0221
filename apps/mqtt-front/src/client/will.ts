import type { IConnectPacket } from 'mqtt-packet';
import type { Speaker } from './client-parts.js';
import { judgePublish } from './topic-rules.js';

type Will = NonNullable<IConnectPacket['will']>;

/** A will is a publish that is said in advance. Undefined: it may be; else why not. Rejects with what passes. */
export const checkWill = async (
  will: Will | undefined,
  { parts, identity }: Pick<Speaker, 'parts' | 'identity'>,
): Promise<string | undefined> => {
  if (will === undefined) return undefined;
  const verdict = judgePublish(will.topic);
  if (verdict.kind === 'hostile') return verdict.why;
  if (verdict.kind === 'refused') return verdict.reasonPhrase;
  if (Buffer.byteLength(will.payload) > parts.options.maxPayloadBytes) return 'it is too large';
  const { token, appVersion } = verdict.topic;
  const access = await parts.access.of(identity, token, appVersion);
  if (access.kind === 'undecided') throw new Error(`its device could not be asked for: ${access.why}`);
  return access.kind === 'refused' ? access.reasonPhrase : undefined;
};
