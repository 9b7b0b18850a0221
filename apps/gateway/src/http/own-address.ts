import { TLSSocket } from 'node:tls';
import type { Request } from 'express';
import type { TrustedProxies } from '@muster/limits';

/** How browsers reach this installation. */
export interface OwnAddress {
  /** They say in X-Forwarded-* what they were asked. */
  readonly trustedProxies: TrustedProxies;
  readonly publicUrl?: string | undefined;
}

export const cameByTls = (request: Request, own: OwnAddress): boolean => {
  if (request.socket instanceof TLSSocket || forwarded(request, own, 'x-forwarded-proto') === 'https')
    return true;
  if (own.publicUrl === undefined) return false;
  const { protocol, host } = new URL(own.publicUrl);
  return protocol === 'https:' && hostsOf(request, own).includes(host);
};

/**
 * Whether the page that sent the request is of this installation. By its host alone: a proxy in front that ends TLS does not
 * always say so, and cookies keep to their scheme by themselves.
 */
export const isOwnOrigin = (origin: string, request: Request, own: OwnAddress): boolean => {
  if (!URL.canParse(origin)) return false;
  const known = [
    ...hostsOf(request, own),
    ...(own.publicUrl === undefined ? [] : [new URL(own.publicUrl).host]),
  ];
  return known.includes(new URL(origin).host);
};

const hostsOf = (request: Request, own: OwnAddress): readonly string[] =>
  [request.get('host'), forwarded(request, own, 'x-forwarded-host')].filter((host) => host !== undefined);

/** Of several proxies, what the last one wrote. */
const forwarded = (request: Request, { trustedProxies }: OwnAddress, name: string): string | undefined =>
  trustedProxies.has(request.socket.remoteAddress) ? request.get(name)?.split(',').at(-1)?.trim() : undefined;
