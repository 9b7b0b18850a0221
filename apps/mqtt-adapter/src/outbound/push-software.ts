import { dueSoftware, recordSoftwareDispatched } from '@muster/contracts/firmware/software.requests';
import type { Bus } from '@muster/messaging';
import type { DocumentSource } from './push-documents.js';

/** Provider of the `DocumentPusher` for cmx_ota. */
export const SOFTWARE_PUSHER = Symbol('SoftwarePusher');

/** cmx_ota: the version each device may go to next, of each of its firmware types. */
export const softwareSource = (bus: Pick<Bus, 'request'>): DocumentSource => ({
  extension: 'cmx_ota',
  due: (devices) => bus.request(dueSoftware, { devices }, { timeoutMs: 5_000 }),
  record: (dispatches) => bus.request(recordSoftwareDispatched, { dispatches }, { timeoutMs: 5_000 }),
});
