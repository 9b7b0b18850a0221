import { findAccess, listAccess } from '@muster/contracts/device-registry/access.requests';
import {
  deviceChanged,
  deviceCredentialChanged,
  deviceDeleted,
  deviceProvisioned,
  deviceStatusChanged,
  deviceTokenChanged,
  deviceTypeChanged,
  deviceTypeDeleted,
} from '@muster/contracts/device-registry/published';
import { followNotices, type Bus, type Follower, type Notice } from '@muster/messaging';
import { newTrace, withTrace, type Logger } from '@muster/observability';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DeviceDirectory } from './device-directory.js';

const PAGE = 1_000;
const BATCH = 500;
/** A net under the events: whatever went wrong with them is right again after that. */
const RELOAD_EVERY_MS = 15 * 60_000;

/**
 * Keeps the directory true: reads everything at the start, then reads again each device and type that an event names.
 * Events say only that something changed, so their order and number do not matter, and a token's text is in none.
 */
export class DirectoryFollower {
  private readonly follower: Follower;
  private readonly stopping = new AbortController();
  private readonly devices = new Set<string>();
  private readonly types = new Set<string>();
  private wake = (): void => undefined;
  private reloadWanted = true;
  private following = false;
  private resolveLoaded = (): void => undefined;
  private readonly running: Promise<void>;
  private readonly reloadTimer: NodeJS.Timeout;
  /** Resolves when everything was read once. */
  readonly loaded = new Promise<void>((resolve) => {
    this.resolveLoaded = resolve;
  });
  isLoaded = false;

  constructor(
    private readonly directory: DeviceDirectory,
    private readonly bus: Bus,
    private readonly logger: Logger,
    /** These devices may open something else than before. After a reload anything may, and it is not called. */
    private readonly onChange: (deviceIds: readonly string[]) => void = () => undefined,
  ) {
    this.follower = followNotices(bus, {
      events: [
        deviceProvisioned,
        deviceChanged,
        deviceDeleted,
        deviceTokenChanged,
        deviceCredentialChanged,
        deviceStatusChanged,
        deviceTypeChanged,
        deviceTypeDeleted,
      ],
      logger,
      onStart: () => {
        this.following = true;
        this.reload();
      },
      onNotice: (notice) => this.note(notice),
    });
    this.reloadTimer = setInterval(() => this.reload(), RELOAD_EVERY_MS);
    this.running = this.run();
  }

  async stop(): Promise<void> {
    clearInterval(this.reloadTimer);
    this.stopping.abort();
    this.wake();
    await this.follower.stop();
    await this.running;
  }

  private reload(): void {
    this.reloadWanted = true;
    this.wake();
  }

  private note({ contract, entityId }: Notice): void {
    const isType = contract.entity === deviceTypeChanged.entity;
    (isType ? this.types : this.devices).add(entityId);
    this.wake();
  }

  private async run(): Promise<void> {
    for (let failures = 0; !this.stopping.signal.aborted;) {
      try {
        await withTrace(newTrace(), () => this.catchUp());
        failures = 0;
        await this.somethingToDo();
      } catch (error) {
        failures += 1;
        if (failures === 1 || failures % 20 === 0) {
          this.logger.warn({ err: error }, 'the device directory cannot be read yet');
        }
        await sleep(Math.min(5_000, 100 * 2 ** failures), undefined, { signal: this.stopping.signal }).catch(
          () => undefined,
        );
      }
    }
  }

  private async catchUp(): Promise<void> {
    // Without following, what changes during the reading would be missed; the periodic reload does not wait for it.
    if (this.reloadWanted && (this.following || this.isLoaded)) {
      this.reloadWanted = false;
      try {
        await this.readAll();
      } catch (error) {
        this.reloadWanted = true;
        throw error;
      }
    }
    while (this.devices.size + this.types.size > 0 && !this.stopping.signal.aborted) await this.readChanged();
  }

  private async readAll(): Promise<void> {
    this.directory.beginReload();
    let cursor: string | undefined;
    do {
      const page = await this.bus.request(
        listAccess,
        { limit: PAGE, ...(cursor === undefined ? {} : { cursor }) },
        { timeoutMs: 10_000 },
      );
      this.directory.put(page);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined && !this.stopping.signal.aborted);
    if (this.stopping.signal.aborted) return;
    this.directory.endReload();
    if (!this.isLoaded) this.logger.info({ tokens: this.directory.size }, 'device directory loaded');
    this.isLoaded = true;
    this.resolveLoaded();
  }

  private async readChanged(): Promise<void> {
    const deviceIds = [...this.devices].slice(0, BATCH);
    const deviceTypeIds = [...this.types].slice(0, BATCH);
    // Before asking: an event that arrives while the answer is under way asks again.
    for (const id of deviceIds) this.devices.delete(id);
    for (const id of deviceTypeIds) this.types.delete(id);
    try {
      const page = await this.bus.request(findAccess, { deviceIds, deviceTypeIds }, { timeoutMs: 5_000 });
      this.directory.replace(deviceIds, deviceTypeIds, page);
      this.onChange(deviceIds);
    } catch (error) {
      for (const id of deviceIds) this.devices.add(id);
      for (const id of deviceTypeIds) this.types.add(id);
      throw error;
    }
  }

  private async somethingToDo(): Promise<void> {
    if (this.stopping.signal.aborted || this.devices.size + this.types.size > 0) return;
    if (this.reloadWanted && (this.following || this.isLoaded)) return;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
    });
  }
}
