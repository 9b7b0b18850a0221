import { AppError } from '@muster/contracts';
import { enrolDevice } from '@muster/contracts/device-registry/claim-keys.requests';
import { decodeEnrolment, PayloadError, type Enrolment } from '@muster/kp1';
import type { Bus } from '@muster/messaging';
import { answerBody } from '../http/answer.js';
import type { DeviceRoute } from '../http/device-server.js';
import { readBody } from '../http/read-body.js';

/** A claim key, a name and a serial number; nothing longer is read. */
const MAX_BODY_BYTES = 2_048;

/** Where a device without any credential gets its own, for a claim key. Whoever guesses keys is slowed by device-registry. */
export const enrolRoute = ({
  bus,
  bodyTimeoutMs,
  answerTimeoutMs,
}: {
  readonly bus: Pick<Bus, 'request'>;
  readonly bodyTimeoutMs: number;
  readonly answerTimeoutMs: number;
}): DeviceRoute => ({
  prefix: '/kp1/enrol',
  exists: (rest) => rest === '',
  methods: ['POST'],
  handle: async (request, response, { address, enter }) => {
    // What it shows is in the body, which is short; nothing is held for it before.
    const enrolment = decoded(
      await readBody(request, { maxBytes: MAX_BODY_BYTES, timeoutMs: bodyTimeoutMs }),
    );
    enter(undefined);
    const enrolled = await bus.request(
      enrolDevice,
      { enrolment, ...(address === undefined ? {} : { remoteAddress: address }) },
      { timeoutMs: answerTimeoutMs },
    );
    // What is in it is shown this once.
    response.setHeader('cache-control', 'no-store');
    answerBody(request, response, JSON.stringify(enrolled));
  },
});

const decoded = (body: Buffer): Enrolment => {
  try {
    return decodeEnrolment(body);
  } catch (error) {
    if (!(error instanceof PayloadError)) throw error;
    throw new AppError('invalid-payload', error.reasonPhrase, { cause: error });
  }
};
