import { IsISO8601, IsOptional } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsFilter, TenantRequest } from '../fields.js';

export class AwaitState extends TenantRequest {
  /** Waits only for what this filter reads. Default: for all. */
  @IsOptional()
  @IsFilter()
  filter?: string;
}

export class StateAwaited {
  /** The moment of the request: what others had acknowledged before it is found by filters now. */
  @IsISO8601()
  asOf!: string;
}

/**
 * Resolves when filters find everything that `configuration` and `firmware` had acknowledged before the request: desired and
 * reported values, sync states, software. device-registry follows these from events, some moments later; whoever chooses
 * devices by them to act on them asks this first, and `selectDevices` after it:
 *
 *     await bus.request(awaitState, { tenantId, filter }, { timeoutMs: 10_000 });
 *     await bus.request(selectDevices, { tenantId, filter }, { timeoutMs: 10_000 });
 *
 * At once where the filter reads nothing of it. `unavailable`, which passes, when the registry is not there before the
 * caller's deadline, or still fills what it did not follow from the beginning; the detail says how many events it is behind.
 */
export const awaitState = defineRequest({
  subject: 'muster.v1.service.device-registry.state.await',
  request: AwaitState,
  reply: StateAwaited,
  errors: ['invalid-filter'],
  idempotent: true,
});
