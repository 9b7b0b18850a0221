import type { CampaignDefinition } from '../campaign/campaign.events.js';

export interface CheckedLaunch {
  /** Devices that the target means now. */
  readonly matched: number;
}

/**
 * What a launch is refused for, before anything is written; the preview's own code. Throws `invalid-request` with the field
 * (a target that means no device, or none of its type, batches that leave devices over, a gate that has nobody to judge, a window that does not open before the end), `invalid-filter`, `filter-too-slow`,
 * `more-devices-than-expected`, `campaign-conflict`, `invalid-configuration` where the rules of every device type of the target
 * refuse the values, and `unavailable`.
 */
export interface LaunchCheck {
  check(request: {
    readonly tenantId: string;
    readonly campaignId: string;
    readonly definition: CampaignDefinition;
    readonly expectedCount: number | null;
  }): Promise<CheckedLaunch>;
}
