import rhea from 'rhea';

export type { AmqpError, Connection, ConnectionOptions, EventContext, Message, Receiver, Sender } from 'rhea';

/** rhea is CommonJS: what it has by name is found on its one export only. */
export const { create_container: createContainer, types, message } = rhea;

/** A body of bytes. */
export const dataSection = (bytes: Buffer): unknown => message.data_section(bytes) as unknown;
