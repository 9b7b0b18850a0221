/** What an operation takes and answers, for instance. A spec holds both against the schemas of the operation. */
export interface Example {
  readonly request?: unknown;
  readonly response?: unknown;
  /** What `preview=true` answers. */
  readonly preview?: unknown;
}

// What examples of several kinds tell of, in one story.
export const AT = '2026-11-28T09:30:00.000Z';
export const OPERATOR = { kind: 'api-key', id: 'local-admin' };
export const FIRMWARE_ID = '01936c30-5d4e-7f6a-8b7c-9d8e0f1a2b3c';
