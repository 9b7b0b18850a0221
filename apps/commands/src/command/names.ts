/** Where a device's wish for all types is kept: no command can have this type. */
export const ALL_TYPES = '*';

export interface QueueName {
  readonly deviceId: string;
  readonly type: string;
}

/** Id of the stream of a device's commands of one type. Neither part can hold the colon. */
export const queueId = (deviceId: string, type: string): string => `${deviceId}:${type}`;

export const queueOf = (streamId: string): QueueName => {
  const [deviceId = '', type = ''] = streamId.split(':');
  return { deviceId, type };
};

/** What a command is called outside: unique within its device. */
export const commandIdOf = (type: string, number: number): string => `${type}:${number}`;

/** undefined: no command can be called so. */
export const commandOf = (
  commandId: string,
): { readonly type: string; readonly number: number } | undefined => {
  const [, type, digits] = /^([A-Za-z0-9_-]{1,64}):([1-9]\d{0,9})$/.exec(commandId) ?? [];
  const number = Number(digits);
  return type === undefined || number > 2_147_483_647 ? undefined : { type, number };
};
