import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { waitFor } from './parts.js';
import { databaseUrl, platform } from './platform.js';

export const SECOND = 'a second campaign-orchestrator';

/** Another process of the service beside the one that `npm start -- --processes` runs, as a second replica would be. */
export class SecondOrchestrator {
  private child: ChildProcess | undefined;
  private port = 0;

  /** Resolves when it is ready. */
  async start(): Promise<void> {
    this.port = await freePort();
    const log = openSync(join(platform.directory, 'log', 'second-campaign-orchestrator.log'), 'a');
    this.child = spawn(
      process.execPath,
      ['--enable-source-maps', resolve('apps/campaign-orchestrator/dist/src/main.js')],
      {
        env: {
          ...process.env,
          MUSTER_DATABASE_URL: databaseUrl(),
          MUSTER_OPS_PORT: String(this.port),
        },
        stdio: ['ignore', log, log],
      },
    );
    closeSync(log);
    await waitFor(`${SECOND} to be ready`, () => this.isReady());
  }

  /** SIGKILL, and started again. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
    await this.start();
  }

  async stop(): Promise<void> {
    await this.end('SIGTERM');
  }

  private async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  private async isReady(): Promise<boolean> {
    try {
      return (await fetch(`http://127.0.0.1:${this.port}/health/ready`)).ok;
    } catch {
      return false;
    }
  }
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};
