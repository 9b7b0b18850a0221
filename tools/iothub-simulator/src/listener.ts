import { createServer as createHttpServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import type { CertificateAndKey } from './security/certificates.js';
import type { ClientCertificate } from './security/device-auth.js';

export interface ListenerContext {
  readonly certificate: CertificateAndKey;
  readonly host: string;
  /** Authorities of device certificates, PEM. */
  deviceAuthorities(): readonly string[];
  readonly rest: RequestListener;
  amqp(socket: TLSSocket): void;
  mqtt(socket: TLSSocket): void;
}

export interface Listener {
  readonly port: number;
  /** Call it when the authorities have changed. */
  refresh(): void;
  close(): Promise<void>;
}

const FIRST_BYTES_MS = 30_000;
const MQTT_CONNECT = 0x10;

/**
 * One TLS port for all three protocols, told apart by their first bytes: so a connection string with a port, such as
 * `HostName=localhost:28443`, serves every SDK that does not insist on 443, 5671 and 8883.
 */
export const listen = async (port: number, context: ListenerContext): Promise<Listener> => {
  const http = createHttpServer(context.rest);
  const sockets = new Set<TLSSocket>();
  const secure = (): { key: string; cert: string; ca: string[] } => ({
    key: context.certificate.key,
    cert: context.certificate.certificate,
    // Without any, Node.js would trust all that browsers trust.
    ca: [context.certificate.certificate, ...context.deviceAuthorities()],
  });
  const server = createServer({ ...secure(), requestCert: true, rejectUnauthorized: false }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setTimeout(FIRST_BYTES_MS, () => socket.destroy());
    socket.once('data', (first: Buffer) => {
      socket.setTimeout(0);
      socket.pause();
      socket.unshift(first);
      if (first.toString('latin1', 0, 4) === 'AMQP') context.amqp(socket);
      else if (first[0] === MQTT_CONNECT) context.mqtt(socket);
      else http.emit('connection', socket);
      socket.resume();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, context.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    refresh: () => server.setSecureContext(secure()),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      http.close();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
};

/** What a client has shown in the TLS handshake. Undefined: nothing. */
export const clientCertificateOf = (
  socket: TLSSocket,
  hasAuthorities: boolean,
): ClientCertificate | undefined => {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  const commonName = /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? '';
  return {
    commonName,
    thumbprints: [certificate.fingerprint, certificate.fingerprint256].map((one) => one.replaceAll(':', '')),
    isSignedByKnownAuthority: hasAuthorities && socket.authorized,
  };
};
