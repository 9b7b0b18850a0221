/** Why a connection ended, in words. */
export const ENDS: Readonly<Record<string, string>> = {
  disconnected: 'the device said good-bye',
  lost: 'the connection was lost',
  keepalive: 'the device was silent for longer than it had said',
  'taken-over': 'another client came with the same id',
  'protocol-error': 'the device broke the rules of MQTT',
  'too-slow': 'the device did not read what it was sent',
  revoked: 'it may connect no more',
  limit: 'a limit was reached',
  broker: 'the broker ended it',
  unavailable: 'a service was away',
  stopping: 'the door was stopped',
  'door-lost': 'the door died',
};
