import type { Device } from './device.js';
import { HubError } from './hub-error.js';
import { isJsonObject, type Json } from './json.js';

export interface MethodResult {
  readonly status: number;
  readonly payload: Json;
}

interface Pending {
  readonly deviceId: string;
  readonly methodName: string;
  readonly payload: string;
  readonly responseMs: number;
  /** The call has been handed to the device. */
  isSent: boolean;
  deadline: number;
  resolve(result: MethodResult): void;
  reject(error: HubError): void;
}

export interface MethodsContext {
  now(): number;
  /** Throws DeviceNotFound. */
  device(deviceId: string): Device;
}

const METHOD_NAME = /^[\x21-\x7e]{1,100}$/;
const RESPONSE_SECONDS = { least: 5, most: 300, usual: 30 };
const CONNECT_SECONDS = { least: 0, most: 300, usual: 0 };
const MAX_PAYLOAD_BYTES = 131_072;

/** Direct methods: a call, and the answer of a device that must be there. Deadlines are kept by `tick`. */
export class Methods {
  private readonly pending = new Map<string, Pending>();
  private nextRequestId = 1;

  constructor(private readonly context: MethodsContext) {}

  /** Rejects with DeviceNotFound, DeviceNotOnline, GatewayTimeout or ArgumentInvalid. */
  async invoke(deviceId: string, body: unknown): Promise<MethodResult> {
    if (!isJsonObject(body)) throw invalid('The body is no JSON object');
    const methodName = body['methodName'];
    if (typeof methodName !== 'string' || !METHOD_NAME.test(methodName)) {
      throw invalid('methodName is no word of 1 to 100 characters');
    }
    const payload = JSON.stringify(body['payload'] ?? null);
    if (Buffer.byteLength(payload) > MAX_PAYLOAD_BYTES) {
      throw new HubError('MessageTooLarge', `payload has more than ${MAX_PAYLOAD_BYTES} bytes`);
    }
    const responseMs = 1_000 * seconds(body, 'responseTimeoutInSeconds', RESPONSE_SECONDS);
    const connectMs = 1_000 * seconds(body, 'connectTimeoutInSeconds', CONNECT_SECONDS);
    const device = this.context.device(deviceId);
    return new Promise<MethodResult>((resolve, reject) => {
      const requestId = `${this.nextRequestId++}`;
      const call: Pending = {
        deviceId,
        methodName,
        payload,
        responseMs,
        isSent: false,
        deadline: this.context.now() + connectMs,
        resolve,
        reject,
      };
      this.pending.set(requestId, call);
      this.offer(requestId, call, device);
      if (!call.isSent && connectMs === 0) this.fail(requestId, call);
    });
  }

  /** The device is there now, and listens. */
  deviceListens(device: Device): void {
    for (const [requestId, call] of this.pending) {
      if (!call.isSent && call.deviceId === device.identity.deviceId) this.offer(requestId, call, device);
    }
  }

  /** False: nobody waits for this answer (any more), or the device was not asked. */
  answer(deviceId: string, requestId: string, result: MethodResult): boolean {
    const call = this.pending.get(requestId);
    if (call?.deviceId !== deviceId || !call.isSent) return false;
    this.pending.delete(requestId);
    call.resolve(result);
    return true;
  }

  tick(now: number): void {
    for (const [requestId, call] of this.pending) if (call.deadline <= now) this.fail(requestId, call);
  }

  private offer(requestId: string, call: Pending, device: Device): void {
    if (device.session?.invoke(requestId, call.methodName, call.payload) !== true) return;
    call.isSent = true;
    call.deadline = this.context.now() + call.responseMs;
  }

  private fail(requestId: string, call: Pending): void {
    this.pending.delete(requestId);
    call.reject(
      call.isSent
        ? new HubError('GatewayTimeout', 'Timed out waiting for the response from device.')
        : new HubError('DeviceNotOnline', 'Timed out waiting for device to connect.'),
    );
  }
}

const seconds = (
  body: Readonly<Record<string, Json>>,
  field: string,
  { least, most, usual }: { readonly least: number; readonly most: number; readonly usual: number },
): number => {
  const value = body[field] ?? usual;
  if (typeof value === 'number' && value >= least && value <= most) return value;
  throw invalid(`${field} is no number from ${least} to ${most}`);
};

const invalid = (message: string): HubError => new HubError('ArgumentInvalid', message);
