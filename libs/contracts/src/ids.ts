import { uuidv7 } from 'uuidv7';

/** A new id: UUIDv7, so that rows made together lie together in an index. */
export const newId = (): string => uuidv7();

/** The one tenant that always exists. */
export const DEFAULT_TENANT = 'default';
