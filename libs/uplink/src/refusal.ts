import { AppError, isErrorCode, type ItemOutcome } from '@muster/contracts';
import { PayloadError } from '@muster/kp1';

/** What a device is told of its request. */
export interface Refusal {
  readonly statusCode: number;
  /** For the device's developer. */
  readonly reasonPhrase: string;
  readonly retryAfterSeconds?: number;
}

/** Undefined: a fault of ours that nobody who waits is to be told of. `tellsOurs`: somebody waits, and can ask again. */
export const refusalOf = (error: unknown, tellsOurs: boolean): Refusal | undefined => {
  if (error instanceof PayloadError) {
    return { statusCode: error.statusCode, reasonPhrase: error.reasonPhrase };
  }
  if (!(error instanceof AppError) || (error.status >= 500 && !tellsOurs)) return undefined;
  const { status, detail, retryAfterSeconds } = error;
  return {
    statusCode: status,
    reasonPhrase: detail,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  };
};

/** Throws a final outcome that is not success as what the device is told. */
export const refuse = ({ code, detail }: ItemOutcome): void => {
  if (code === undefined) return;
  throw new AppError(isErrorCode(code) ? code : 'internal', detail ?? code);
};
