import type { TrustedProxies } from '@muster/limits';
import type { Logger } from '@muster/observability';
import type { BufferRoom } from '../client/buffer-room.js';
import type { Config } from '../config.js';
import type { Bounds, OnArrival, OnEarlyEnd } from './listener.js';
import { localCertificate } from './local-certificate.js';
import { listenPlain } from './plain.js';
import {
  openServerCertificate,
  type CertificateFiles,
  type ServerCertificate,
} from './server-certificate.js';
import { listenTls } from './tls.js';
import { withWebSocket } from './websocket.js';

export interface Listeners {
  readonly port: number;
  /** Undefined: there is no certificate. */
  readonly tlsPort: number | undefined;
  /** What it shows over TLS; undefined likewise. */
  readonly certificate: Pick<ServerCertificate, 'endsAt'> | undefined;
  close(): Promise<void>;
}

/** All ways in, over which the bounds count together: plain and TLS, and WebSocket at both. */
export const listen = async (
  config: Config,
  {
    bounds,
    room,
    trustedProxies,
    logger,
    onEarlyEnd,
  }: {
    readonly bounds: Bounds;
    readonly room: BufferRoom;
    readonly trustedProxies: TrustedProxies;
    readonly logger: Logger;
    readonly onEarlyEnd: OnEarlyEnd;
  },
  onArrival: OnArrival,
): Promise<Listeners> => {
  const arrived = withWebSocket(
    {
      timeoutMs: config.connectTimeoutMs,
      maxConnectBytes: config.maxConnectBytes,
      maxFrameBytes: config.maxPacketBytes,
      frameTimeoutMs: config.packetTimeoutMs,
      room,
      trustedProxies,
      onEarlyEnd,
    },
    onArrival,
  );
  const plain = await listenPlain({ host: config.host, port: config.port, bounds }, arrived);
  logger.info({ host: config.host, port: plain.port }, 'MQTT listens');
  const files = await certificateFilesOf(config);
  if (files === undefined) {
    logger.info('no certificate is given, so MQTT does not listen for TLS');
    return {
      port: plain.port,
      tlsPort: undefined,
      certificate: undefined,
      close: () => plain.close(),
    };
  }
  const certificate = await openServerCertificate(files, logger);
  const tls = await listenTls(
    {
      host: config.tlsHost,
      port: config.tlsPort,
      bounds,
      certificate,
      handshakeTimeoutMs: config.connectTimeoutMs,
      onEarlyEnd,
    },
    arrived,
  );
  logger.info({ host: config.tlsHost, port: tls.port }, 'MQTT listens for TLS');
  return {
    port: plain.port,
    tlsPort: tls.port,
    certificate,
    close: async () => {
      certificate.stop();
      await Promise.all([plain.close(), tls.close()]);
    },
  };
};

const certificateFilesOf = async ({
  tlsCertificateFile: certificateFile,
  tlsKeyFile: keyFile,
  tlsDirectory,
}: Config): Promise<CertificateFiles | undefined> => {
  if (certificateFile !== undefined && keyFile !== undefined) return { certificateFile, keyFile };
  return tlsDirectory === undefined ? undefined : localCertificate(tlsDirectory);
};
