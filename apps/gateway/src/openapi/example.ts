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
export const LATER = '2026-11-28T09:30:02.114Z';
export const DEVICE_ID = '01936c2e-8f3a-7c41-9d0e-5b7a1f2c3d4e';
export const TYPE_ID = '01936c2e-1b6f-7a90-8c3d-2e4f5a6b7c8d';
export const JOB_ID = '01936c31-7a8b-7c9d-8e0f-1a2b3c4d5e6f';

export const page = (...items: readonly unknown[]): { items: readonly unknown[]; nextCursor: null } => ({
  items,
  nextCursor: null,
});

export const targetPreview = {
  matched: 412,
  sample: [{ id: DEVICE_ID, name: 'radiator-17', deviceType: 'radiator', folder: '/paris/building-2' }],
  byDeviceType: { radiator: 412 },
};
