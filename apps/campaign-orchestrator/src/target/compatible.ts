import { AppError } from '@muster/contracts';
import type { CampaignDefinition } from '../campaign/campaign.events.js';

/**
 * Throws `invalid-request` where a batch that names its devices means none of the target, and has a gate: nobody would be judged, and
 * the others would go at once.
 */
export const assertJudged = (
  { batches }: Pick<CampaignDefinition, 'batches'>,
  sizes: readonly number[],
): void => {
  const place = batches.findIndex(
    ({ share, gate }, nth) =>
      gate !== null && sizes[nth] === 0 && ('deviceIds' in share || 'filter' in share),
  );
  if (place === -1) return;
  throw refusal(
    `batches.${place}`,
    'has a gate, and means no device of the target that is not in a batch before it',
  );
};

type OfType = Pick<CampaignDefinition, 'deviceType'>;

/** Whether a device is of the type whose devices are meant. Values of a firmware are for one type alone. */
export const isCompatible = ({ deviceType }: OfType, device: { readonly deviceType: string }): boolean =>
  deviceType === undefined || device.deviceType === deviceType;

/** By what a device is found to have all of it already. */
export const comparisonOf = ({
  configurations,
  expectedStates,
  expectedFrom,
}: Pick<CampaignDefinition, 'configurations' | 'expectedStates' | 'expectedFrom'>) => ({
  configurations: { ...configurations },
  expectedStates: { ...expectedStates },
  // A configuration service of an older version knows it not, and refuses it.
  ...(expectedFrom === 'any' ? {} : { expectedFrom }),
});

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
