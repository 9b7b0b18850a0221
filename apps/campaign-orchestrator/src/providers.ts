import type { DefinitionLimits } from './campaign/definition-rules.js';
import type { DefinitionDefaults } from './campaign/definition.js';

/** Injection tokens of what is this service's own. */

export interface CampaignSettings {
  readonly defaults: DefinitionDefaults;
  readonly limits: DefinitionLimits;
  /** A campaign ends so long after its launch, where it does not say when. */
  readonly endAfterDays: number;
}

export const CAMPAIGN_SETTINGS = Symbol('CampaignSettings');
export const LAUNCH_CHECK = Symbol('LaunchCheck');
