import type { KeyPair } from '../hub/identity.js';

export type Right = 'RegistryRead' | 'RegistryWrite' | 'ServiceConnect' | 'DeviceConnect';

/** A shared access policy: a name, two keys of equal worth, and what they open. */
export interface Policy extends KeyPair {
  readonly name: string;
  readonly rights: readonly Right[];
}

/** Those that every hub is made with. */
export const DEFAULT_POLICIES: Readonly<Record<string, readonly Right[]>> = {
  iothubowner: ['RegistryRead', 'RegistryWrite', 'ServiceConnect', 'DeviceConnect'],
  service: ['ServiceConnect'],
  device: ['DeviceConnect'],
  registryRead: ['RegistryRead'],
  registryReadWrite: ['RegistryRead', 'RegistryWrite'],
};

/** By name. Keys may be made anew, which is how a leaked one is revoked. */
export class Policies {
  private readonly byName = new Map<string, Policy>();

  constructor(
    private readonly newKey: () => string,
    keys: Readonly<Record<string, KeyPair>> = {},
  ) {
    for (const [name, rights] of Object.entries(DEFAULT_POLICIES)) {
      const { primaryKey, secondaryKey } = keys[name] ?? {
        primaryKey: newKey(),
        secondaryKey: newKey(),
      };
      this.byName.set(name, { name, rights, primaryKey, secondaryKey });
    }
  }

  find(name: string): Policy | undefined {
    return this.byName.get(name);
  }

  /** Throws where there is no such policy. */
  get(name: string): Policy {
    const policy = this.byName.get(name);
    if (policy === undefined) throw new Error(`There is no policy ${name}`);
    return policy;
  }

  /** Tokens of the old key open nothing from now on. Without `key`, one is made. */
  setKey(name: string, which: keyof KeyPair, key: string = this.newKey()): Policy {
    const policy = { ...this.get(name), [which]: key };
    this.byName.set(name, policy);
    return policy;
  }
}
