import { createHash } from 'node:crypto';
import type { Source } from './topics.js';

/** A sequence number for each source, as the text that a reader keeps and sends back. Only for the same topics. */
export const positionText = (sources: readonly Source[], position: readonly number[]): string =>
  [VERSION, digestOf(sources), ...position.map((seq) => seq.toString(36))].join('.');

/** Undefined: it is none, or one of other topics. */
export const positionIn = (sources: readonly Source[], text: string): readonly number[] | undefined => {
  const [version, digest, ...seqs] = text.split('.');
  if (version !== VERSION || digest !== digestOf(sources) || seqs.length !== sources.length) return undefined;
  if (!seqs.every((seq) => /^[0-9a-z]{1,10}$/.test(seq))) return undefined;
  return seqs.map((seq) => Number.parseInt(seq, 36));
};

const VERSION = '1';

const digestOf = (sources: readonly Source[]): string =>
  createHash('sha256')
    .update(sources.flatMap(({ stream, filter, topic }) => [topic, stream, filter]).join('\n'))
    .digest('base64url')
    .slice(0, 8);
