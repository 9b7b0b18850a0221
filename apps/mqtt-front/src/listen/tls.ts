import { constants } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { MAX_CHAIN } from '@muster/contracts/device-registry/credentials.requests';
import {
  BACKLOG,
  SOCKET_OPTIONS,
  type Listener,
  type ListenOptions,
  type OnArrival,
  type OnEarlyEnd,
} from './listener.js';
import type { ServerCertificate } from './server-certificate.js';

export interface TlsOptions extends ListenOptions {
  readonly certificate: ServerCertificate;
  /** From the first byte on; then who has not finished is closed. */
  readonly handshakeTimeoutMs: number;
  readonly onEarlyEnd: OnEarlyEnd;
}

/** Of each context: one that replaces another takes over nothing of it. */
const SECURITY = {
  minVersion: 'TLSv1.2',
  secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
} as const;

/**
 * MQTT over TLS 1.2 and 1.3. A certificate is asked for and taken whatever it is: device-registry decides on it. That the client
 * has its key was shown in the handshake, always: sessions are not resumed, and nothing is negotiated anew.
 */
export const listenTls = async (
  { host, port, bounds, certificate, handshakeTimeoutMs, onEarlyEnd }: TlsOptions,
  onArrival: OnArrival,
): Promise<Listener> => {
  /** In their handshake, by both ends of the connection. */
  const arriving = new Map<string, Socket>();
  const server = createServer({
    ...certificate.current(),
    ...SECURITY,
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: handshakeTimeoutMs,
    ...SOCKET_OPTIONS,
  });
  const unfollow = certificate.follow((pair) => server.setSecureContext({ ...pair, ...SECURITY }));
  bounds?.watch(server);
  server.on('connection', (socket: Socket) => {
    const ends = endsOf(socket);
    arriving.set(ends, socket);
    socket.once('close', () => arriving.delete(ends));
  });
  server.on('secureConnection', (stream: TLSSocket) => {
    const ends = endsOf(stream);
    const socket = arriving.get(ends);
    // Gone, or over a bound, while it shook hands.
    if (socket === undefined || socket.destroyed || stream.destroyed) {
      stream.destroy();
      return;
    }
    arriving.delete(ends);
    onArrival({
      stream,
      socket,
      address: stream.remoteAddress,
      transport: 'tls',
      certificates: chainOf(stream),
    });
  });
  // Strangers, scanners, plain MQTT: not worth a line each.
  server.on('tlsClientError', (error, stream) => {
    onEarlyEnd('code' in error && error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT' ? 'too-slow' : 'protocol-error');
    stream.destroy();
  });
  server.listen({ port, host, backlog: BACKLOG });
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port, // a TCP server's address is never a pipe's name
    close: async () => {
      unfollow();
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of arriving.values()) socket.destroy();
      await closed;
    },
  };
};

const endsOf = ({ remoteAddress, remotePort, localAddress }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress}`;

/** As the client sent it, from its own on, each with the one that has signed it after it; in PEM. */
const chainOf = (stream: TLSSocket): string[] => {
  const found: DetailedPeerCertificate[] = [];
  // An empty object where there is none.
  let next: Partial<DetailedPeerCertificate> | undefined = stream.getPeerCertificate(true);
  while (next?.raw !== undefined && found.length < MAX_CHAIN) {
    const { fingerprint256 } = next;
    // The issuer of a self-signed one is itself.
    if (found.some((one) => one.fingerprint256 === fingerprint256)) break;
    found.push(next as DetailedPeerCertificate);
    next = next.issuerCertificate;
  }
  return found.map(({ raw }) => pemOf(raw));
};

const pemOf = (der: Buffer): string => {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
};
