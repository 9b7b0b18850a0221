import { AppError } from '@muster/contracts';
import type { CampaignDefinition } from '../campaign/campaign.events.js';

type OfType = Pick<CampaignDefinition, 'deviceType'>;

/** Whether a device is of the type whose devices are meant. Values of a firmware are for one type alone. */
export const isCompatible = ({ deviceType }: OfType, device: { readonly deviceType: string }): boolean =>
  deviceType === undefined || device.deviceType === deviceType;

/** Throws `invalid-request` when there is nobody to whom anything could be given. */
export const assertMeant = (
  { deviceType }: OfType,
  { matched, compatible }: { readonly matched: number; readonly compatible: number },
): void => {
  if (matched === 0) throw refusal('target', 'means no device: none matches now');
  if (compatible === 0)
    throw refusal(
      'deviceType',
      `is the type of no device of the target; of ${matched} none is a ${deviceType ?? ''}`,
    );
};

const refusal = (path: string, message: string): AppError =>
  new AppError('invalid-request', `${path} ${message}`, { errors: [{ path, message }] });
