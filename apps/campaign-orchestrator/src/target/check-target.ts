import { AppError } from '@muster/contracts';
import type { DeviceTargets } from '@muster/jobs';
import type { CheckedLaunch, LaunchCheck } from './launch-check.js';

/** Whether the target means any devices, and no more than were expected. */
export class TargetCheck implements LaunchCheck {
  constructor(private readonly targets: DeviceTargets) {}

  async check(request: Parameters<LaunchCheck['check']>[0]): Promise<CheckedLaunch> {
    const { tenantId, definition, expectedCount } = request;
    const { target } = definition;
    if ('campaignId' in target) return { matched: 0 };
    const { matched } = await this.targets.preview({
      tenantId,
      input: {
        target: 'filter' in target ? target : { deviceIds: [...target.deviceIds] },
        ...(expectedCount === null ? {} : { expectedCount }),
      },
      path: 'campaign',
    });
    if (matched > 0) return { matched };
    const message = 'means no device: none matches now';
    throw new AppError('invalid-request', `target ${message}`, { errors: [{ path: 'target', message }] });
  }
}
