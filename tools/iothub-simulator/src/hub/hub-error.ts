/** Error codes of IoT Hub, as they stand in the header `iothub-errorcode`, with the HTTP status of each. */
const STATUS = {
  ArgumentInvalid: 400,
  IotHubUnauthorizedAccess: 401,
  DeviceMaximumQueueDepthExceeded: 403,
  DeviceNotFound: 404,
  DeviceNotOnline: 404,
  ResourceNotFound: 404,
  DeviceAlreadyExists: 409,
  PreconditionFailed: 412,
  MessageTooLarge: 413,
  ThrottlingException: 429,
  ServerError: 500,
  GatewayTimeout: 504,
} as const;

export type HubErrorCode = keyof typeof STATUS;

/** What the hub refuses. REST, AMQP and MQTT each say it in their own way. */
export class HubError extends Error {
  override readonly name = 'HubError';
  readonly status: number;

  constructor(
    readonly code: HubErrorCode,
    message: string,
  ) {
    super(message);
    this.status = STATUS[code];
  }
}
