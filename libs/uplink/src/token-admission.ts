import { AppError, isPassing } from '@muster/contracts';
import { matchResource, type Resource, type Topic } from '@muster/kp1';
import type { AccessQuestions } from './access-questions.js';
import { describeToken, type BoundedLog } from './bounded-log.js';
import type { Admitted } from './device-directory.js';
import { refusalOf, type Refusal } from './refusal.js';

/** Whose a token of kp1 is. `resource` is undefined where the topic names none. */
export type TokenAdmission =
  | { readonly kind: 'admitted'; readonly device: Admitted }
  | ({ readonly kind: 'refused'; readonly resource: Resource | undefined; readonly cause: unknown } & Refusal)
  /** device-registry would have to be asked and cannot be now: `cause` says why, and passes. */
  | { readonly kind: 'undecided'; readonly resource: Resource | undefined; readonly cause: AppError }
  /** By a fault of ours. */
  | { readonly kind: 'failed'; readonly resource: Resource | undefined; readonly cause: unknown };

export interface AdmissionParts {
  /** Memory first. */
  readonly questions: Pick<AccessQuestions, 'admit'>;
  readonly refusals: BoundedLog;
  readonly maxPayloadBytes: number;
}

/** For a message of so many bytes, whoever's it is. What is taken in can be parked whole, should it come to that. */
export const assertSize = (bytes: number, maxPayloadBytes: number): void => {
  if (bytes <= maxPayloadBytes) return;
  throw new AppError('payload-too-large', `payload must have at most ${maxPayloadBytes} bytes`);
};

/**
 * For doors where a device says who it is by the token in its topic: MQTT and HTTP. `prove`, where the token alone is not
 * enough, checks who speaks for it and throws `AppError`: before anything is told of the token, its device or its type. It
 * returns the hash of the secret by which it knows, if by one. Never rejects.
 */
export const tokenAdmission =
  ({ questions, refusals, maxPayloadBytes }: AdmissionParts) =>
  async (
    topic: Topic,
    bytes: number,
    prove?: (device: Pick<Admitted, 'entry' | 'settings'>) => string | undefined,
  ): Promise<TokenAdmission> => {
    const resource = matchResource(topic)?.resource;
    let deviceId: string | undefined;
    try {
      assertSize(bytes, maxPayloadBytes);
      const admission = await questions.admit(topic.token, topic.appVersion);
      const of = admission.admitted ? admission : admission.of;
      deviceId = of?.entry.deviceId;
      const secretHash = of === undefined ? undefined : prove?.(of);
      if (!admission.admitted) throw new AppError(admission.code, admission.reason);
      return {
        kind: 'admitted',
        device: secretHash === undefined ? admission : { ...admission, secretHash },
      };
    } catch (error) {
      if (error instanceof AppError && isPassing(error)) {
        return { kind: 'undecided', resource, cause: error };
      }
      const refusal = refusalOf(error, false);
      if (refusal === undefined) return { kind: 'failed', resource, cause: error };
      const { statusCode, reasonPhrase: reason } = refusal;
      refusals.info(
        `${topic.token} ${reason}`,
        { ...describeToken(topic), ...(deviceId === undefined ? {} : { deviceId }), statusCode, reason },
        'a message was refused',
      );
      return { kind: 'refused', resource, cause: error, ...refusal };
    }
  };
