import { parseJson, shape, withoutNulls } from './payload.js';

/** What a device without any credential says of itself: an extension of ours. */
export interface Enrolment {
  readonly claimKey: string;
  readonly name: string;
  readonly serialNumber?: string;
}

const asEnrolment = shape<{ claimKey: string; name: string; serialNumber?: string }>({
  type: 'object',
  properties: {
    claimKey: { type: 'string', minLength: 1, maxLength: 128 },
    name: { type: 'string', minLength: 1, maxLength: 128 },
    serialNumber: { type: 'string', minLength: 1, maxLength: 128, nullable: true },
  },
  required: ['claimKey', 'name'],
  additionalProperties: false,
});

/** `{"claimKey", "name", "serialNumber"?}`. Throws `PayloadError`, which names the field and never what is in it. */
export const decodeEnrolment = (payload: Uint8Array): Enrolment =>
  asEnrolment(withoutNulls(parseJson(payload)));
