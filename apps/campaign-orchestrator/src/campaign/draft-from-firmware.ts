import { AppError, type Actor } from '@muster/contracts';
import type { CampaignInput } from '@muster/contracts/campaign-orchestrator/campaign';
import type { FromFirmwareInput } from '@muster/contracts/campaign-orchestrator/campaigns.requests';
import { getDeviceType } from '@muster/contracts/device-registry/device-types.requests';
import {
  DOWNLOAD_TOKEN_MAX_SECONDS,
  DOWNLOAD_TOKEN_MIN_SECONDS,
  firmwareValues,
} from '@muster/contracts/firmware/downloads.requests';
import type { Bus } from '@muster/messaging';

const DAY_SECONDS = 86_400;
/** After the end of a campaign devices may still be at their download. */
const AFTERWARDS_SECONDS = 7 * DAY_SECONDS;

/**
 * What a campaign that hands out these firmwares is defined by: their values, and all devices of their type where no target is
 * named. Makes a download token for each firmware, which lives as long as the campaign may take.
 */
export const inputFromFirmwares = async (
  bus: Bus,
  {
    tenantId,
    actor,
    from,
  }: { readonly tenantId: string; readonly actor: Actor; readonly from: FromFirmwareInput },
  endAfterDays: number,
): Promise<CampaignInput> => {
  const { firmwareIds, target, configurations, expectedStates, deviceType: asked, ...rest } = from;
  const values = await bus.request(firmwareValues, {
    tenantId,
    actor,
    firmwareIds,
    downloadToken: { name: rest.name, ttlSeconds: lifetimeOf(from, endAfterDays) },
  });
  const [deviceTypeId, ...others] = values.deviceTypeIds;
  if (deviceTypeId === undefined || others.length > 0)
    throw refusal('firmwareIds', `must be of one device type: these are of ${values.deviceTypeIds.length}`);
  const { name: deviceType } = await bus.request(getDeviceType, { tenantId, deviceType: deviceTypeId });
  if (asked != null && asked !== deviceType)
    throw refusal('deviceType', `must be ${deviceType}, which is the type of the firmwares`);
  return {
    ...rest,
    target: target ?? { filter: `deviceType==${deviceType}` },
    // Whoever else the target means has no use for these values.
    deviceType,
    configurations: { ...values.configurations, ...configurations },
    expectedStates: { ...values.expectedStates, ...expectedStates },
  };
};

const refusal = (path: string, message: string): AppError =>
  new AppError('invalid-request', `${path} ${message}`, { errors: [{ path, message }] });

const lifetimeOf = ({ startAt, endAt }: FromFirmwareInput, endAfterDays: number): number => {
  const now = Date.now();
  const end =
    endAt == null
      ? (startAt == null ? now : Date.parse(startAt)) + endAfterDays * DAY_SECONDS * 1_000
      : Date.parse(endAt);
  const seconds = Math.ceil((end - now) / 1_000) + AFTERWARDS_SECONDS;
  return Math.min(Math.max(seconds, DOWNLOAD_TOKEN_MIN_SECONDS), DOWNLOAD_TOKEN_MAX_SECONDS);
};
