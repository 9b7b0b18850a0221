import { dueDocuments, recordDispatched } from '@muster/contracts/configuration/requests';
import type { Bus } from '@muster/messaging';
import type { DocumentSource } from './push-documents.js';

/** Provider of the `DocumentPusher` for cmx. */
export const CONFIGURATION_PUSHER = Symbol('ConfigurationPusher');

/** cmx: the desired configuration of each device. */
export const configurationSource = (bus: Pick<Bus, 'request'>): DocumentSource => ({
  extension: 'cmx',
  due: (devices, reason) =>
    bus.request(dueDocuments, { devices, changed: reason === 'changed' }, { timeoutMs: 5_000 }),
  record: (dispatches) => bus.request(recordDispatched, { dispatches }, { timeoutMs: 5_000 }),
});
