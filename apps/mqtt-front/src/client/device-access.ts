import { AppError, isPassing } from '@muster/contracts';
import type { AccessEntry } from '@muster/contracts/device-registry/access.requests';
import type { DeviceTypeSettings } from '@muster/contracts/device-registry/device-types.requests';
import type { AccessQuestions, Admission, DeviceDirectory } from '@muster/uplink';
import type { Identity } from '../login/identity.js';

export type Access =
  | { readonly kind: 'admitted'; readonly entry: AccessEntry; readonly settings: DeviceTypeSettings }
  | {
      readonly kind: 'refused';
      readonly statusCode: number;
      readonly reasonPhrase: string;
      readonly deviceId?: string;
    }
  /** device-registry would have to be asked and cannot be now. */
  | { readonly kind: 'undecided'; readonly why: string };

const UNKNOWN = 'unknown endpoint token';

/** Whether a client may speak for the device of a token. From memory; asks device-registry only where that may be behind. */
export class DeviceAccess {
  constructor(
    private readonly directory: Pick<DeviceDirectory, 'admit'>,
    private readonly questions: Pick<AccessQuestions, 'admit'>,
  ) {}

  /** Never rejects. */
  of(identity: Identity, token: string, appVersion: string): Access | Promise<Access> {
    const known = this.directory.admit(token, appVersion);
    if (known.admitted || known.ask === undefined) return judge(identity, known);
    return this.questions.admit(token, appVersion).then(
      (admission) => judge(identity, admission),
      (error: unknown): Access => {
        if (error instanceof AppError && isPassing(error)) return { kind: 'undecided', why: error.code };
        return { kind: 'undecided', why: 'internal' };
      },
    );
  }

  /** Whether what was admitted still is; an application version that is gone is told to the next message. */
  stillHolds(identity: Identity, token: string, appVersion: string): boolean {
    const admission = this.directory.admit(token, appVersion);
    if (!admission.admitted && admission.code === 'app-version-not-found') return true;
    return judge(identity, admission).kind === 'admitted';
  }
}

const judge = (identity: Identity, admission: Admission): Access => {
  const of = admission.admitted ? admission : admission.of;
  const whose = of === undefined ? {} : { deviceId: of.entry.deviceId };
  if (of !== undefined && identity.kind === 'device' && !belongsTo(identity, of.entry)) {
    // The same words as for a token that does not exist: who is let in as one device finds out nothing about others.
    return { kind: 'refused', statusCode: 401, reasonPhrase: UNKNOWN, ...whose };
  }
  if (!admission.admitted) {
    const { status } = new AppError(admission.code, admission.reason);
    return { kind: 'refused', statusCode: status, reasonPhrase: admission.reason, ...whose };
  }
  if (identity.kind === 'anonymous' && !admission.entry.credentialKinds.includes('token')) {
    return {
      kind: 'refused',
      statusCode: 403,
      reasonPhrase: 'device needs a credential besides its token',
      ...whose,
    };
  }
  return { kind: 'admitted', entry: admission.entry, settings: admission.settings };
};

/** Its own, or that of a device behind it. */
const belongsTo = (
  { tenantId, deviceId }: Extract<Identity, { kind: 'device' }>,
  entry: AccessEntry,
): boolean => entry.tenantId === tenantId && (entry.deviceId === deviceId || entry.parentId === deviceId);
