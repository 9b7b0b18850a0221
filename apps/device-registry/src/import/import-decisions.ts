import type { JsonObject } from '@muster/contracts';
import type { EditDevice } from '../device/device-edit.js';
import type { NewToken } from '../token/token-decisions.js';

/** What a row of an import says of a device that there is; what it does not mention stays. */
export interface ApplyRow {
  readonly type: 'ApplyRow';
  readonly edit: Omit<EditDevice, 'type'>;
  /** Null removes a key. */
  readonly metadata?: JsonObject;
  /** One that the device does not have. */
  readonly token?: NewToken;
  readonly at: string;
}
