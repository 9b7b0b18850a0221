import { createHash } from 'node:crypto';
import { AppError, DEFAULT_TENANT, isErrorCode } from '@muster/contracts';
import { recordParked } from '@muster/contracts/parked/requests';
import { currentTrace } from '@muster/observability';
import { partsOf, type Bus, type BusParts } from './bus.js';
import { pack } from './packed-payload.js';

export interface Parked {
  /** Where it came from, `[A-Za-z0-9_-]`: a stream, or a broker. */
  readonly stream: string;
  /** The consumer of the stream, or the queue, `[a-z0-9-]`. Whoever handles it serves `replayAt` this name. */
  readonly consumer: string;
  /**
   * What this message is and no other, however often it is delivered, so that parking it twice is one record. It is made
   * of what came with the message, never of chance. Only a digest of it is stored: it may hold a token.
   */
  readonly id: string;
  /** Its address at home: topic, routing key. */
  readonly subject: string;
  /** The same as people may see it, without the token of a device. Absent: the subject has none. */
  readonly shownSubject?: string;
  /** Undefined: it did not fit, and is in the stream under `sequence`. */
  readonly payload: Uint8Array | undefined;
  readonly sequence?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: the tenant that runs the installation. */
  readonly tenantId?: string | undefined;
  /** `<code>: <text>`, as `reasonOf` says it or an AppError prints, or any text. */
  readonly reason: string;
  /** How often it was tried. Default 1. */
  readonly tries?: number;
  /** Default: of the current trace. */
  readonly traceId?: string | undefined;
}

const TIMEOUT_MS = 5_000;

/**
 * Sets aside a message that cannot be processed: resolves when it is a record in the table of `campaign-orchestrator`, and
 * not before, so that the message may be acknowledged then. Throws `unavailable` or `deadline-exceeded` when that cannot be
 * now: the message is kept, and parked later.
 */
export const park = (bus: Bus, parked: Parked): Promise<void> => parkOver(partsOf(bus), parked);

export const parkOver = async (
  { name, request, metrics }: Pick<BusParts, 'name' | 'request' | 'metrics'>,
  parked: Parked,
): Promise<void> => {
  const { stream, consumer, id, subject, payload, sequence, headers = {}, tries = 1 } = parked;
  const reason = parked.reason.replace(/^AppError: /, '');
  const code = /^([a-z-]+): /.exec(reason)?.[1];
  const traceId = parked.traceId ?? currentTrace()?.traceId;
  await request(
    recordParked,
    {
      tenantId: parked.tenantId ?? DEFAULT_TENANT,
      id: createHash('sha256').update([stream, consumer, id].join('\n')).digest('base64url'),
      service: name,
      stream,
      consumer,
      subject,
      shownSubject: parked.shownSubject ?? subject,
      headers,
      ...(payload === undefined ? {} : { payload: pack(payload) }),
      ...(sequence === undefined ? {} : { sequence }),
      bytes: payload?.length ?? 0,
      ...(code !== undefined && isErrorCode(code) ? { code } : {}),
      reason: reason.slice(0, 4_096),
      tries,
      ...(traceId === undefined ? {} : { traceId }),
    },
    { timeoutMs: TIMEOUT_MS },
  );
  metrics
    .counter('muster_parked_total', 'Messages set aside because they could not be processed', [
      'stream',
      'consumer',
    ])
    .inc({ stream, consumer });
};

/** Why something failed, for the record of what is parked: `<code>: <text>` where the catalogue has a code for it. */
export const reasonOf = (error: unknown): string => {
  if (error instanceof AppError) return `${error.code}: ${error.detail}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
};
