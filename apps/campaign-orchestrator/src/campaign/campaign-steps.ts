/** Steps of a campaign, by its id. */

/** Carries a launched campaign on: whoever changes it sets this, at once. */
export const CAMPAIGN_STEP = 'campaign';
/** Launches a scheduled campaign when its time has come. */
export const START_STEP = 'campaign-start';
