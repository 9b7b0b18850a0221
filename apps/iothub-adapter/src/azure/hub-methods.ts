import type { JsonValue } from '@muster/contracts';
import { HubFailure, type HubRest } from './hub-rest.js';

/** What a device answered to a direct method. */
export interface MethodAnswer {
  readonly status: number;
  readonly payload?: JsonValue;
}

/** `away`: the device is not connected, and has not got it. `silent`: it was sent, and has not answered in time. */
export type MethodOutcome =
  ({ readonly kind: 'answered' } & MethodAnswer) | { readonly kind: 'away' } | { readonly kind: 'silent' };

/** Azure allows 5 to 300. */
const MIN_SECONDS = 5;
const MAX_SECONDS = 300;
const MARGIN_MS = 5_000;

/** Calls a method of a device and waits for its answer. Throws `HubFailure` for what the hub says. */
export const callMethod = async (
  rest: HubRest,
  id: string,
  {
    name,
    payload,
    seconds,
  }: { readonly name: string; readonly payload: JsonValue; readonly seconds: number },
): Promise<MethodOutcome> => {
  const responseTimeoutInSeconds = Math.min(MAX_SECONDS, Math.max(MIN_SECONDS, Math.ceil(seconds)));
  const body = { methodName: name, payload, responseTimeoutInSeconds, connectTimeoutInSeconds: 0 };
  try {
    const answer = await rest.request<MethodAnswer>({
      method: 'POST',
      path: `/twins/${encodeURIComponent(id)}/methods`,
      body,
      timeoutMs: responseTimeoutInSeconds * 1_000 + MARGIN_MS,
    });
    return { kind: 'answered', ...answer };
  } catch (error) {
    if (!(error instanceof HubFailure)) throw error;
    if (error.status === 404) return { kind: 'away' };
    if (error.status === 504) return { kind: 'silent' };
    throw error;
  }
};
