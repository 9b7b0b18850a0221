import type { ErrorCode } from '@muster/contracts';
import type { AccessEntry, AccessPage, AccessType } from '@muster/contracts/device-registry/access.requests';
import type { DeviceTypeSettings } from '@muster/contracts/device-registry/device-types.requests';
import type { DeviceInterface } from '@muster/contracts/device-registry/devices.requests';

/** A token that may be used here, and what it opens. */
export interface Admitted {
  readonly admitted: true;
  readonly entry: AccessEntry;
  readonly settings: DeviceTypeSettings;
  /** Of the secret that was shown besides, SHA-256 in hexadecimal. */
  readonly secretHash?: string;
}

/** Whether a token may be used with an application version, and why not. */
export type Admission =
  | Admitted
  | {
      readonly admitted: false;
      /** Whose it is, where that is known: who must prove it is asked to before the reason is told. */
      readonly of?: Pick<Admitted, 'entry' | 'settings'>;
      readonly code: ErrorCode;
      /** For the device's developer; holds no token. */
      readonly reason: string;
      /** Memory may be a moment behind: what device-registry should be asked before this is final. */
      readonly ask?: { readonly token: string } | { readonly deviceTypeId: string };
    };

interface KnownType {
  readonly settings: DeviceTypeSettings;
  readonly versions: ReadonlySet<string>;
}

const NO_HASHES: string[] = [];

/** Undefined: now is within the time of its token, as it is for all that have no end. */
export const outOfTime = ({
  validFrom,
  validUntil,
}: AccessEntry): { readonly code: ErrorCode; readonly reason: string } | undefined => {
  if (validUntil !== undefined && Date.now() >= Date.parse(validUntil))
    return { code: 'token-expired', reason: 'endpoint token has expired' };
  if (validFrom !== undefined && Date.now() < Date.parse(validFrom))
    return { code: 'token-not-yet-valid', reason: 'endpoint token is not valid yet' };
  return undefined;
};

/**
 * Every endpoint token and what it opens, in memory: each message is checked here, and over MQTT the broker asks for each
 * new topic of each connection besides. A cache of device-registry; the follower keeps it true. Devices of other interfaces
 * are in it too, so that they can be told which door is theirs.
 */
export class DeviceDirectory {
  private readonly byToken = new Map<string, AccessEntry>();
  private readonly tokensOfDevice = new Map<string, Set<string>>();
  private readonly types = new Map<string, KnownType>();
  /** One copy of each text that thousands of entries share. */
  private readonly texts = new Map<string, string>();
  private generation = 0;
  private readonly generationOf = new Map<string, number>();

  constructor(private readonly door: DeviceInterface) {}

  get size(): number {
    return this.byToken.size;
  }

  admit(token: string, appVersion: string): Admission {
    const entry = this.byToken.get(token);
    if (entry === undefined) {
      return { admitted: false, code: 'token-unknown', reason: 'unknown endpoint token', ask: { token } };
    }
    const type = this.types.get(entry.deviceTypeId);
    const of = { entry, settings: type?.settings ?? {} };
    if (entry.tokenStatus === 'suspended') {
      return { admitted: false, of, code: 'token-suspended', reason: 'endpoint token is suspended' };
    }
    if (entry.tokenStatus === 'revoked') {
      return { admitted: false, of, code: 'token-revoked', reason: 'endpoint token is revoked' };
    }
    const wrongTime = outOfTime(entry);
    if (wrongTime !== undefined) return { admitted: false, of, ...wrongTime };
    if (entry.deviceStatus === 'pending') {
      return { admitted: false, of, code: 'device-pending', reason: 'device waits for an approval' };
    }
    if (entry.deviceStatus === 'suspended') {
      return { admitted: false, of, code: 'device-suspended', reason: 'device is suspended' };
    }
    if (entry.interface !== this.door) {
      return {
        admitted: false,
        of,
        code: 'not-allowed',
        reason: `device does not use ${this.door} but ${entry.interface}`,
      };
    }
    // Which of them was shown, if any, is the door's business; over HTTP the type may ask for none.
    if (this.door !== 'http' && entry.credentialKinds.length === 0) {
      return { admitted: false, of, code: 'not-allowed', reason: 'device has no credential that is valid' };
    }
    // The same answer for a version that does not exist and one of another type: names of others are not probed here.
    if (type === undefined || !type.versions.has(appVersion)) {
      return {
        admitted: false,
        of,
        code: 'app-version-not-found',
        reason: 'unknown application version',
        ask: { deviceTypeId: entry.deviceTypeId },
      };
    }
    return { admitted: true, entry, settings: type.settings };
  }

  /** The version that is on record for a token's device, for doors where nobody says which runs. Undefined: unknown token. */
  appVersionOf(token: string): string | undefined {
    return this.byToken.get(token)?.appVersion;
  }

  /** Entries of a device whatever their status; empty when it has no access. */
  entriesOf(deviceId: string): AccessEntry[] {
    const tokens = this.tokensOfDevice.get(deviceId) ?? [];
    return [...tokens].flatMap((token) => this.byToken.get(token) ?? []);
  }

  /** Devices that come through this door, with a token of whatever status; looks at all there are. */
  devices(): readonly { readonly tenantId: string; readonly deviceId: string }[] {
    const found = new Map<string, string>();
    for (const entry of this.byToken.values()) {
      if (entry.interface === this.door) found.set(entry.deviceId, entry.tenantId);
    }
    return Array.from(found, ([deviceId, tenantId]) => ({ tenantId, deviceId }));
  }

  /** Devices of a type that have a token, whatever its status; looks at all there are. */
  devicesOfType(
    tenantId: string,
    deviceTypeId: string,
  ): readonly { readonly tenantId: string; readonly deviceId: string }[] {
    const found = new Set<string>();
    for (const entry of this.byToken.values()) {
      if (entry.deviceTypeId === deviceTypeId && entry.tenantId === tenantId) found.add(entry.deviceId);
    }
    return [...found].map((deviceId) => ({ tenantId, deviceId }));
  }

  /** Adds what a page of `listAccess` or an answer of `findAccess` holds. */
  put(page: AccessPage): void {
    for (const type of page.types) this.putType(type);
    for (const entry of page.entries) this.putEntry(entry);
  }

  /** Only what is not known yet: the answer to a question may be older than an event that came meanwhile. */
  putUnknown(page: AccessPage): void {
    for (const type of page.types) this.putType(type);
    for (const entry of page.entries) if (!this.byToken.has(entry.token)) this.putEntry(entry);
  }

  /** `page` is all that is true of these devices and types now: what is not in it has no access any more. */
  replace(deviceIds: readonly string[], deviceTypeIds: readonly string[], page: AccessPage): void {
    for (const id of deviceIds) {
      for (const token of this.tokensOfDevice.get(id) ?? []) this.byToken.delete(token);
      this.tokensOfDevice.delete(id);
      this.generationOf.delete(id);
    }
    for (const id of deviceTypeIds) this.types.delete(id);
    this.put(page);
  }

  /** Before all entries are read again; what was put since then survives `endReload`. */
  beginReload(): void {
    this.generation += 1;
  }

  /** Removes devices that were neither in the pages nor re-read since `beginReload`. */
  endReload(): void {
    for (const [id, generation] of this.generationOf) {
      if (generation !== this.generation)
        this.replace([id], [], { entries: [], types: [], nextCursor: null });
    }
  }

  private putType(type: AccessType): void {
    this.types.set(type.deviceTypeId, { settings: type.settings, versions: new Set(type.appVersions) });
  }

  private putEntry(entry: AccessEntry): void {
    this.byToken.set(entry.token, {
      token: entry.token,
      tokenId: entry.tokenId,
      deviceId: entry.deviceId,
      tenantId: this.shared(entry.tenantId),
      deviceTypeId: this.shared(entry.deviceTypeId),
      appVersion: this.shared(entry.appVersion),
      tokenStatus: this.shared(entry.tokenStatus),
      ...(entry.validFrom === undefined ? {} : { validFrom: entry.validFrom }),
      ...(entry.validUntil === undefined ? {} : { validUntil: entry.validUntil }),
      interface: this.shared(entry.interface),
      ...(entry.deviceStatus === undefined ? {} : { deviceStatus: this.shared(entry.deviceStatus) }),
      ...(entry.parentId === undefined ? {} : { parentId: entry.parentId }),
      credentialKinds: entry.credentialKinds.map((kind) => this.shared(kind)),
      secretHashes: entry.secretHashes.length === 0 ? NO_HASHES : entry.secretHashes,
    });
    const tokens = this.tokensOfDevice.get(entry.deviceId) ?? new Set();
    this.tokensOfDevice.set(entry.deviceId, tokens.add(entry.token));
    this.generationOf.set(entry.deviceId, this.generation);
  }

  private shared<T extends string>(text: T): T {
    const known = this.texts.get(text);
    if (known !== undefined) return known as T; // the key was the same text
    this.texts.set(text, text);
    return text;
  }
}
