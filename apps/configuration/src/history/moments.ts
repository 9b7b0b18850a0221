import { AppError } from '@muster/contracts';
import type { ConfigurationEvent } from '../device-configuration/device-configuration.events.js';

/** When it happened by the clock of whoever saw it: what the history shows, a little before `recordedAt`. */
export const timeOf = (event: ConfigurationEvent): string => {
  switch (event.type) {
    case 'DesiredConfigurationChanged':
    case 'ObservationChanged':
      return event.data.changedAt;
    case 'ConfigurationReoffered':
      return event.data.reofferedAt;
    case 'ConfigurationDispatched':
      return event.data.dispatchedAt;
    case 'ConfigurationApplied':
      return event.data.appliedAt;
    case 'ConfigurationRejected':
      return event.data.rejectedAt;
    case 'StateReported':
      return event.data.reportedAt;
    case 'ConfigurationEnded':
      return event.data.endedAt;
  }
};

export const invalid = (path: string, message: string): never => {
  throw new AppError('invalid-request', `${path} ${message}`, { errors: [{ path, message }] });
};
