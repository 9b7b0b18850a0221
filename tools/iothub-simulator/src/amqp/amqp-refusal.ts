import { HubError } from '../hub/hub-error.js';
import type { AmqpError } from './rhea.js';

/** A refusal that REST does not know: the AMQP error as it is. */
export class AmqpRefusal extends Error {
  constructor(readonly error: AmqpError) {
    super(error.description);
  }
}

/** How AMQP says what the hub refuses. */
const CONDITIONS: Readonly<Record<string, string>> = {
  ArgumentInvalid: 'com.microsoft:argument-error',
  IotHubUnauthorizedAccess: 'amqp:unauthorized-access',
  DeviceMaximumQueueDepthExceeded: 'amqp:resource-limit-exceeded',
  DeviceNotFound: 'amqp:not-found',
  ResourceNotFound: 'amqp:not-found',
  MessageTooLarge: 'amqp:link:message-size-exceeded',
  ThrottlingException: 'com.microsoft:server-busy',
};

/** Throws what is no refusal. */
export const amqpError = (error: unknown): AmqpError => {
  if (error instanceof AmqpRefusal) return error.error;
  if (!(error instanceof HubError)) throw error;
  return { condition: CONDITIONS[error.code] ?? 'amqp:internal-error', description: error.message };
};
