import { randomUUID } from 'node:crypto';
import type { Ack } from '../hub/c2d-queue.js';
import type { C2dRequest } from '../hub/hub.js';
import { HubError } from '../hub/hub-error.js';
import type { Message } from './rhea.js';

const MAX_BYTES = 65_536;
const ACKS: readonly Ack[] = ['none', 'positive', 'negative', 'full'];

/** Reads what a service sent to `/messages/devicebound`. Throws HubError. */
export const readC2d = (
  message: Message,
  now: number,
): { readonly deviceId: string; readonly request: C2dRequest } => {
  const [, encoded] = /^\/devices\/([^/]+)\/messages\/devicebound$/i.exec(message.to ?? '') ?? [];
  if (encoded === undefined) {
    throw new HubError('ArgumentInvalid', `to is no /devices/{id}/messages/devicebound: ${message.to ?? ''}`);
  }
  const body = bodyOf(message.body);
  const { 'iothub-ack': ack = 'none', ...properties } = textsOf(message.application_properties);
  if (!ACKS.includes(ack as Ack))
    throw new HubError('ArgumentInvalid', `iothub-ack is none of ${ACKS.join(', ')}`);
  const size = Object.entries(properties).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value),
    body.length,
  );
  if (size > MAX_BYTES) throw new HubError('MessageTooLarge', `The message has more than ${MAX_BYTES} bytes`);
  return {
    deviceId: decodeURIComponent(encoded),
    request: {
      messageId: idOf(message.message_id) ?? randomUUID(),
      correlationId: idOf(message.correlation_id),
      userId: message.user_id,
      contentType: message.content_type,
      contentEncoding: message.content_encoding,
      body,
      properties,
      ack: ack as Ack,
      expiresAt: expiryOf(message, now),
    },
  };
};

/** An absolute time goes before a time to live. Both in milliseconds. */
const expiryOf = ({ absolute_expiry_time, ttl }: Message, now: number): number | undefined => {
  if (absolute_expiry_time !== undefined) return new Date(absolute_expiry_time).getTime();
  return ttl === undefined ? undefined : now + ttl;
};

const bodyOf = (body: unknown): Buffer => {
  const content = typeof body === 'object' && body !== null && 'content' in body ? body.content : body;
  if (Buffer.isBuffer(content)) return content;
  if (Array.isArray(content)) return Buffer.concat(content.filter((part) => Buffer.isBuffer(part)));
  return Buffer.from(typeof content === 'string' ? content : '');
};

/** A UUID comes as 16 bytes. */
const idOf = (id: string | number | Buffer | undefined): string | undefined => {
  if (!Buffer.isBuffer(id)) return id === undefined ? undefined : `${id}`;
  return id.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
};

const textsOf = (properties: unknown): Record<string, string> =>
  Object.fromEntries(
    Object.entries((properties ?? {}) as Record<string, unknown>).map(([name, value]) => [
      name,
      String(value),
    ]),
  );
