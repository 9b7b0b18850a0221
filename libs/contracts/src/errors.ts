/**
 * Every fault a caller can be told about: `code → { status, title }`. Codes are permanent and about the subject.
 * `status` is the HTTP status; on MQTT it is the `statusCode` of the `/error` body. `passes`: see `isPassing`.
 */
export const errorCatalogue = {
  // the caller's fault
  'invalid-request': { status: 400, title: 'The request is malformed' },
  'invalid-filter': { status: 400, title: 'The filter is malformed' },
  'filter-too-slow': { status: 400, title: 'The filter takes too long' },
  'possession-not-shown': { status: 400, title: 'The possession of the key is not shown' },
  'invalid-configuration': { status: 400, title: 'The configuration is not acceptable' },
  'invalid-payload': { status: 400, title: 'The payload is not acceptable' },
  'telemetry-query-too-large': { status: 400, title: 'The query of telemetry is too large' },
  'sample-time-out-of-range': { status: 400, title: 'The time of a sample is out of range' },
  unauthenticated: { status: 401, title: 'Authentication is required' },
  'session-ended': { status: 401, title: 'The session has ended' },
  'token-unknown': { status: 401, title: 'Unknown endpoint token' },
  'credential-unknown': { status: 401, title: 'Unknown user name or wrong password' },
  'claim-key-unknown': { status: 401, title: 'Unknown claim key' },
  'certificate-invalid': { status: 401, title: 'The certificate is not acceptable' },
  'certificate-expired': { status: 401, title: 'The certificate has expired' },
  'certificate-not-yet-valid': { status: 401, title: 'The certificate is not valid yet' },
  'certificate-untrusted': { status: 401, title: 'No known authority has signed the certificate' },
  'certificate-unknown': { status: 401, title: "The certificate is no device's" },
  'not-allowed': { status: 403, title: 'Not allowed' },
  'credential-inactive': { status: 403, title: 'The credential is not active yet' },
  'credential-suspended': { status: 403, title: 'The credential is suspended' },
  'credential-revoked': { status: 403, title: 'The credential is revoked' },
  'credential-expired': { status: 403, title: 'The credential has expired' },
  'credential-not-yet-valid': { status: 403, title: 'The credential is not valid yet' },
  'certificate-authority-closed': { status: 403, title: 'The authority opens nothing now' },
  'enrolment-disabled': { status: 403, title: 'Enrolment is off' },
  'enrolment-limit-reached': { status: 403, title: 'As many devices have enrolled as may' },
  'enrolment-refused': { status: 403, title: 'No device can be made of what enrols' },
  'claim-key-closed': { status: 403, title: 'Nobody can enrol with the claim key now' },
  'device-suspended': { status: 403, title: 'The device is suspended' },
  'device-pending': { status: 403, title: 'The device waits for an approval' },
  'token-suspended': { status: 403, title: 'The endpoint token is suspended' },
  'token-expired': { status: 403, title: 'The endpoint token has expired' },
  'token-not-yet-valid': { status: 403, title: 'The endpoint token is not valid yet' },
  'token-revoked': { status: 403, title: 'The endpoint token is revoked' },
  'metadata-key-restricted': { status: 403, title: 'The device may not use the metadata key' },
  'not-found': { status: 404, title: 'Nothing is here' },
  'device-not-found': { status: 404, title: 'No such device' },
  'import-not-found': { status: 404, title: 'No such import' },
  'folder-not-found': { status: 404, title: 'No such folder' },
  'group-not-found': { status: 404, title: 'No such group' },
  'device-type-not-found': { status: 404, title: 'No such device type' },
  'app-version-not-found': { status: 404, title: 'No such application version' },
  'configuration-version-not-found': { status: 404, title: 'The configuration has no such version' },
  'token-not-found': { status: 404, title: 'No such endpoint token' },
  'credential-not-found': { status: 404, title: 'No such credential' },
  'certificate-authority-not-found': { status: 404, title: 'No such certificate authority' },
  'claim-key-not-found': { status: 404, title: 'No such claim key' },
  'metadata-key-not-found': { status: 404, title: 'No such metadata key' },
  'command-not-found': { status: 404, title: 'No such command' },
  'firmware-type-not-found': { status: 404, title: 'No such firmware type' },
  'firmware-not-found': { status: 404, title: 'No such firmware' },
  'download-token-not-found': { status: 404, title: 'No such download token' },
  'supervision-not-found': { status: 404, title: 'No such supervision' },
  'job-not-found': { status: 404, title: 'No such job' },
  'parked-message-not-found': { status: 404, title: 'No such parked message' },
  'campaign-not-found': { status: 404, title: 'No such campaign' },
  'batch-not-found': { status: 404, title: 'The campaign has no such batch' },
  'integration-not-found': { status: 404, title: 'No such integration' },
  'iot-hub-device-not-found': { status: 404, title: 'The device is in no IoT Hub' },
  'iot-hub-not-found': { status: 404, title: 'No such IoT Hub' },
  'file-not-found': { status: 404, title: 'No such file' },
  'method-not-allowed': { status: 405, title: 'The method is not possible here' },
  'resource-unknown': { status: 404, title: 'Unknown resource' },
  // refused by a rule
  'device-name-taken': { status: 409, title: 'The device name is taken' },
  'parent-not-found': { status: 404, title: 'No such parent device' },
  'parent-in-circle': { status: 409, title: 'A device cannot be behind itself' },
  'serial-number-taken': { status: 409, title: 'The serial number is taken' },
  'device-exists': { status: 409, title: 'The device exists' },
  'folder-exists': { status: 409, title: 'The folder exists' },
  'folder-in-circle': { status: 409, title: 'A folder cannot be in itself' },
  'folder-too-deep': { status: 409, title: 'Too many folders would be in one another' },
  'folder-not-empty': { status: 409, title: 'The folder is not empty' },
  'folder-moving': {
    status: 409,
    title: 'Devices are being moved from one folder to another',
    passes: true,
  },
  'group-name-taken': { status: 409, title: 'The group name is taken' },
  'device-type-name-taken': { status: 409, title: 'The device type name is taken' },
  'device-type-in-use': { status: 409, title: 'Devices of this type exist' },
  'app-version-name-taken': { status: 409, title: 'The application version name is taken' },
  'token-taken': { status: 409, title: 'The endpoint token is taken' },
  'app-version-in-use': { status: 409, title: 'The application version is in use' },
  'token-not-revoked': { status: 409, title: 'The endpoint token is not revoked' },
  'credential-not-revoked': { status: 409, title: 'The credential is not revoked' },
  'token-status-final': { status: 409, title: 'A revoked endpoint token stays revoked' },
  'credential-status-final': { status: 409, title: 'A revoked credential stays revoked' },
  'username-taken': { status: 409, title: 'Another device has the user name' },
  'certificate-taken': { status: 409, title: 'Another credential has the certificate' },
  'subject-taken': { status: 409, title: 'Another credential has the subject' },
  'certificate-authority-name-taken': {
    status: 409,
    title: 'The name of the certificate authority is taken',
  },
  'certificate-authority-exists': { status: 409, title: 'The certificate is registered' },
  'certificate-authority-status': {
    status: 409,
    title: 'Not possible in this status of the certificate authority',
  },
  'claim-key-name-taken': { status: 409, title: 'The name of the claim key is taken' },
  'claim-key-status-final': { status: 409, title: 'A revoked claim key stays revoked' },
  'device-status': { status: 409, title: 'Not possible in this status of the device' },
  'credential-limit-reached': { status: 409, title: 'The device has as many credentials as it may have' },
  'telemetry-key-limit-reached': {
    status: 409,
    title: 'The device has as many telemetry keys as it may have',
  },
  'more-devices-than-expected': { status: 409, title: 'More devices match than were expected' },
  'command-finished': { status: 409, title: 'The command is finished' },
  'supervision-resolving': { status: 409, title: 'The devices of the supervision are being found' },
  'supervision-closed': { status: 409, title: 'The supervision is not open any more' },
  'supervision-open': { status: 409, title: 'The supervision is open' },
  'job-finished': { status: 409, title: 'The job has ended' },
  'job-not-finished': { status: 409, title: 'The job has not ended' },
  'job-not-cancellable': { status: 409, title: 'The job cannot be cancelled by itself' },
  'job-not-retryable': { status: 409, title: 'A job of this kind cannot be retried' },
  'import-not-finished': { status: 409, title: 'The import has not ended' },
  'job-without-failures': { status: 409, title: 'Nothing of the job has failed' },
  'campaign-already-launched': { status: 409, title: 'The campaign was launched' },
  'campaign-status': { status: 409, title: 'Not possible in this status of the campaign' },
  'campaign-conflict': { status: 409, title: 'Another open campaign sets the same key on the same device' },
  'campaign-not-revertable': { status: 409, title: 'Nothing of the campaign can be taken back' },
  'batch-not-waiting': { status: 409, title: 'The batch does not wait for its release' },
  'firmware-type-name-taken': { status: 409, title: 'The device type has a firmware type of this name' },
  'firmware-type-keys-taken': { status: 409, title: 'Another firmware type of the device type uses the key' },
  'firmware-type-in-use': { status: 409, title: 'Firmwares of this type exist' },
  'firmware-type-is-default': { status: 409, title: 'The default firmware type goes last' },
  'firmware-keys-collide': { status: 409, title: 'Two of the firmwares set the same key' },
  'firmware-version-taken': { status: 409, title: 'The firmware type has this version' },
  'parked-message-dropped': { status: 409, title: 'The parked message was dropped' },
  'parked-message-replayed': { status: 409, title: 'The parked message was replayed' },
  'integration-name-taken': { status: 409, title: 'The integration name is taken' },
  'integration-limit-reached': { status: 409, title: 'The tenant has as many integrations as it may have' },
  'integrations-not-set-up': {
    status: 409,
    title: 'The bus of this installation has no credentials to give',
  },
  'iot-hub-unusable': { status: 409, title: 'The IoT Hub cannot be used as it is' },
  'iot-hub-name-taken': { status: 409, title: 'The name of the IoT Hub is taken' },
  'iot-hub-exists': { status: 409, title: 'The IoT Hub is known already' },
  'iot-hub-busy': { status: 409, title: 'The IoT Hub is being reconciled already' },
  'iot-hub-refused': { status: 409, title: 'The IoT Hub does not take it' },
  'iot-hub-device-type-taken': { status: 409, title: 'The devices of the type are in another IoT Hub' },
  'iot-hubs-not-set-up': {
    status: 409,
    title: 'This installation has no key to seal those of IoT Hubs with',
  },
  'no-longer-kept': { status: 410, title: 'It is kept for a time, which is over' },
  // somebody else was faster
  'desired-changed': { status: 409, title: 'Somebody else has changed the value' },
  'concurrent-change': { status: 409, title: 'Changed by somebody else at the same time', passes: true },
  'version-mismatch': { status: 412, title: 'Changed since it was read' },
  'idempotency-key-reused': { status: 422, title: 'The idempotency key was used for another request' },
  // too much
  'payload-too-large': { status: 413, title: 'The payload is too large' },
  'configuration-too-large': { status: 413, title: 'The configuration is too large' },
  'unsupported-media-type': { status: 415, title: 'The media type is not supported' },
  'too-many-commands': { status: 429, title: 'Too many commands are outstanding' },
  'range-not-satisfiable': { status: 416, title: 'The file ends before the range begins' },
  'too-many-requests': { status: 429, title: 'Too many requests', passes: true },
  // ours
  internal: { status: 500, title: 'Internal error' },
  unavailable: { status: 503, title: 'Temporarily unavailable', passes: true },
  'storage-full': { status: 507, title: 'There is no room left', passes: true },
  'deadline-exceeded': { status: 504, title: 'No answer in time', passes: true },
} as const satisfies Record<string, CatalogueEntry>;

interface CatalogueEntry {
  readonly status: number;
  readonly title: string;
  readonly passes?: true;
}

export type ErrorCode = keyof typeof errorCatalogue;

export const isErrorCode = (text: string): text is ErrorCode => Object.hasOwn(errorCatalogue, text);

const PASSING: ReadonlySet<string> = new Set([
  ...Object.entries<CatalogueEntry>(errorCatalogue).flatMap(([code, { passes }]) => (passes ? [code] : [])),
  // PostgreSQL's serialization failure and deadlock, which the event store leaves as they are inside of a transaction.
  '40001',
  '40P01',
]);

/**
 * The one answer to "is it worth another try?": true for a fault that lies in the moment and not in what was asked, so
 * that the same will succeed later, unchanged. Whoever may repeat repeats for as long as it takes, and nothing is
 * parked or given up for such a fault, but for a message that makes its own service late while that answers others (ADR 16). Takes what was thrown (`AppError`, an error of pg) and an item's outcome alike.
 *
 * Not among them: `version-mismatch` and `too-many-commands`, where somebody must do something first, and `internal`.
 */
export const isPassing = (fault: unknown): boolean =>
  typeof fault === 'object' &&
  fault !== null &&
  'code' in fault &&
  typeof fault.code === 'string' &&
  PASSING.has(fault.code);

/**
 * Whether the fault lies in what was asked, so that no further try of the same would change it and whoever asked is told:
 * the one answer to "is it final?". Neither passing nor refused is what is a bug of ours (`internal`, a code that this
 * version does not know, whatever is no code at all): it may be tried some more times, and is then set aside.
 */
export const isRefused = (fault: unknown): boolean =>
  typeof fault === 'object' &&
  fault !== null &&
  'code' in fault &&
  typeof fault.code === 'string' &&
  isErrorCode(fault.code) &&
  errorCatalogue[fault.code].status < 500 &&
  !isPassing(fault);

/** One fault inside a request: `path` is dotted from the root of the body (`desired.interval`), `message` names the rule. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

export interface AppErrorOptions {
  readonly cause?: unknown;
  readonly errors?: readonly FieldError[];
  /** Seconds after which a caller may try again; leaves as `Retry-After`. */
  readonly retryAfterSeconds?: number;
}

/**
 * The only error the domain throws. `detail` is shown to the caller: it names the field, the rule and the kind of value,
 * never a secret and never the value of one. Any other throw is a bug and leaves as `internal` with a fixed text.
 */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly errors: readonly FieldError[] | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    readonly code: ErrorCode,
    readonly detail: string,
    options: AppErrorOptions = {},
  ) {
    super(`${code}: ${detail}`, { cause: options.cause });
    this.errors = options.errors;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get status(): number {
    return errorCatalogue[this.code].status;
  }
}

/** RFC 9457 problem details, the body of every error over HTTP and NATS. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly traceId?: string;
  readonly errors?: readonly FieldError[];
}

/** What is told of `error` outside: an `AppError` as it is, anything else as `internal`, without its text. */
export const toProblem = (error: unknown, traceId?: string): Problem => {
  const known = error instanceof AppError ? error : new AppError('internal', 'Something failed on our side.');
  const { status, title } = errorCatalogue[known.code];
  return {
    type: `/problems/${known.code}`,
    title,
    status,
    detail: known.detail,
    code: known.code,
    ...(traceId === undefined ? {} : { traceId }),
    ...(known.errors === undefined ? {} : { errors: known.errors }),
  };
};

/**
 * What was thrown while a part of a request was looked at, told by its place in the whole: `filter` as `target.filter` where
 * `path` is `target`. Anything but an AppError with fields stays as it is.
 */
export const errorUnder = (path: string, error: unknown): unknown => {
  if (!(error instanceof AppError) || error.errors === undefined) return error;
  const [first] = error.errors;
  const named = first !== undefined && error.detail.startsWith(`${first.path} `);
  return new AppError(error.code, named ? `${path}.${error.detail}` : error.detail, {
    cause: error,
    errors: error.errors.map((fault) => ({ ...fault, path: `${path}.${fault.path}` })),
    retryAfterSeconds: error.retryAfterSeconds,
  });
};
