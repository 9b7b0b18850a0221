import { AppError } from '@muster/contracts';
import type { DeviceTypeView } from '@muster/contracts/device-registry/device-types.requests';
import type { DeviceInput, DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import type { NewCredential } from '../credential/credential-decisions.js';
import type { Rules } from '../providers.js';
import type { NewToken } from '../token/token-decisions.js';
import type { DeviceCommand } from './device.decider.js';
import type { EnrolledBy } from './device.events.js';

type ProvisionDevice = Extract<DeviceCommand, { type: 'ProvisionDevice' }>;

/** What an operator may say of a new device; null in an optional field passes the contract's rules and means absent. */
export type NewDevice = Pick<
  DeviceInput,
  'name' | 'appVersion' | 'interface' | 'folder' | 'tags' | 'metadata'
> & {
  readonly serialNumber?: string | null;
  readonly position?: DeviceInput['position'] | null;
  /** Of a device that there is. */
  readonly parentId?: string | null;
};

/** Throws `invalid-request` (naming `interface`) where a device of it could connect nowhere. */
export const assertServed = (rules: Rules, by: DeviceInterface): void => {
  if (rules.interfaces.includes(by)) return;
  const message = `must be one that this installation serves: ${rules.interfaces.join(', ')}`;
  throw new AppError('invalid-request', `interface ${message}`, { errors: [{ path: 'interface', message }] });
};

/** Fills in what is not said. Throws `invalid-request` (naming `interface`), `app-version-not-found`. */
export const provisionCommand = (
  type: DeviceTypeView,
  input: NewDevice,
  rules: Rules,
  given: {
    readonly token: NewToken;
    /** Null: the token is enough; over HTTP it is let in by nothing until one is issued. */
    readonly credential: NewCredential | null;
    readonly status?: 'pending' | undefined;
    readonly enrolledBy?: EnrolledBy | undefined;
    readonly at: string;
  },
): ProvisionDevice => {
  const { interface: by = 'mqtt' } = input;
  assertServed(rules, by);
  const appVersion = input.appVersion ?? type.appVersions.at(-1)?.name;
  if (appVersion === undefined || !type.appVersions.some((one) => one.name === appVersion)) {
    throw new AppError(
      'app-version-not-found',
      `The device type has no application version "${appVersion ?? ''}".`,
    );
  }
  return {
    type: 'ProvisionDevice',
    name: input.name,
    deviceTypeId: type.id,
    deviceType: type.name,
    appVersion,
    interface: by,
    folder: input.folder ?? '/',
    tags: input.tags ?? [],
    metadata: input.metadata ?? {},
    serialNumber: input.serialNumber ?? undefined,
    position: input.position ?? undefined,
    parentId: input.parentId ?? undefined,
    ...given,
  };
};
