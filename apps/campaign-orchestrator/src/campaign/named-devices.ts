import type { CampaignDefinition, StoredBatch } from './campaign.events.js';

/** Whether a definition names devices, which may be tens of thousands. */
export const namesDevices = ({ target, batches }: CampaignDefinition): boolean =>
  'deviceIds' in target || batches.some(({ share }) => 'deviceIds' in share);

/** The definition, with empty lists in place of those that name devices. */
export const withoutDevices = (definition: CampaignDefinition): CampaignDefinition => ({
  ...definition,
  target: 'deviceIds' in definition.target ? { deviceIds: [] } : definition.target,
  batches: definition.batches.map((batch): StoredBatch =>
    'deviceIds' in batch.share ? { ...batch, share: { deviceIds: [] } } : batch,
  ),
});
