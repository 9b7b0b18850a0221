import type { ReasonOrigin } from './campaigns.queries.js';

/** Who it lies with that a device stands so. */
export const saidBy = (origin: ReasonOrigin): string =>
  ({
    device: 'the device',
    user: 'a user',
    campaign: 'the campaign',
    configuration: 'the rules of the configuration',
  })[origin];
