import { expect, it } from '@jest/globals';
import { connect } from '@nats-io/transport-node';
import { startNats } from './nats-server.js';

it('comes back on the same port after kill -9, and is gone after stop', async () => {
  const server = await startNats();
  try {
    await server.kill9();
    await expect(connect({ servers: server.url, reconnect: false })).rejects.toThrow();
    await server.restart();
    const connection = await connect({ servers: server.url });
    expect(connection.info?.port).toBe(server.port);
    await connection.close();
  } finally {
    await server.stop();
  }
  await expect(connect({ servers: server.url, reconnect: false })).rejects.toThrow();
});
