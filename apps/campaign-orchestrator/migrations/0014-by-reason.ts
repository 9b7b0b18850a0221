import { createIndexBesideWrites } from '@muster/event-store';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Devices by the reason why they stand so. */
export class ByReason1764300000014 implements MigrationInterface {
  readonly name = 'ByReason1764300000014';
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    // Most targets never have a reason, and are not in it.
    await createIndexBesideWrites(
      runner,
      'campaign_targets_reason',
      `ON campaign_targets (tenant_id, launch_id, (reason->>'code'), device_id) WHERE reason IS NOT NULL`,
    );
    // A device has several reasons, so that no one column holds them: an index for each code, in the order of the list.
    for (const code of ['desired_changed', 'state_mismatch', 'drift', 'device_error', 'removed'])
      await createIndexBesideWrites(
        runner,
        `supervised_devices_${code}`,
        `ON supervised_devices (tenant_id, supervision_id, device_id) WHERE reasons @> '[{"code":"${code}"}]'`,
      );
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
