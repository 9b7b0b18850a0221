import { setTimeout as pause } from 'node:timers/promises';
import { operate } from '../operator.js';
import { patientApi } from '../patient-api.js';
import { ApiError, type PlatformApi } from '../platform-api.js';
import { provisionFleet, type ProvisionSettings } from '../provision-fleet.js';
import type { SimulatedPart } from '../simulate.js';
import { DEMO_FLEET } from './demo-fleet.js';
import {
  configureTypes,
  demoDevices,
  historyFrom,
  setUpDemo,
  stillMissing,
  updatedDevices,
  type DemoFacts,
} from './set-up-demo.js';

const LOOK_EVERY_MS = 1_000;
/** On a busy machine; without it, what is missing then would never be told. */
const ALIVE_WITHIN_MS = 120_000;

/** Makes the devices of the demo, as far as they are not there, with what their types take and their history to tell. */
export const prepareDemo = async (settings: ProvisionSettings): Promise<readonly SimulatedPart[]> => {
  const { api, fleet } = settings;
  const parts: SimulatedPart[] = [];
  for (const part of DEMO_FLEET) {
    const { identities } = await provisionFleet(part, settings);
    const { profile, interface: speaks } = part;
    parts.push({
      profile,
      identities: identities.slice(0, part.alive),
      ...(speaks === undefined ? {} : { interface: speaks }),
    });
  }
  await configureTypes(api, fleet, DEMO_FLEET);
  const silentSince = await historyFrom(api, await demoDevices(api, fleet), Date.now());
  const versions = await updatedDevices(api, fleet);
  return parts.map((part) => ({
    ...part,
    identities: part.identities.map((identity) => {
      const since = silentSince.get(identity.name);
      const version = versions.get(identity.name);
      return {
        ...identity,
        ...(since === undefined ? {} : { historyFrom: since }),
        ...(version === undefined ? {} : { version }),
      };
    }),
  }));
};

/**
 * What people do with the demo while its devices run: everything is set up, `ready` is told once there is something to see
 * in all of it, and then somebody goes on using it until `signal`. Throws `ApiError` while it is set up.
 */
export const playDemo = async (
  parts: readonly SimulatedPart[],
  {
    api,
    fleet,
    seed,
    signal,
    say,
    ready,
  }: {
    readonly api: PlatformApi;
    readonly fleet: string;
    readonly seed: string;
    readonly signal: AbortSignal;
    readonly say: (text: string) => void;
    readonly ready: (facts: DemoFacts) => void;
  },
): Promise<void> => {
  // While so much begins at once a service may be away for a moment; nobody is there to start the demo again.
  const patient = patientApi(api, { signal, say });
  const ids = await demoDevices(patient, fleet);
  const facts = await setUpDemo(patient, fleet, { devices: ids, now: Date.now() });
  const deadline = performance.now() + ALIVE_WITHIN_MS;
  for (;;) {
    const missing = await stillMissing(patient, fleet, facts);
    if (signal.aborted || missing.length === 0) break;
    if (performance.now() > deadline) {
      say(`after ${ALIVE_WITHIN_MS / 1000} s there is not yet: ${missing.join(', ')}`);
      break;
    }
    await pause(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
  if (signal.aborted) return;
  ready(facts);
  const devices = parts.flatMap(({ profile, identities }) =>
    identities.map(({ name }) => {
      const id = ids.get(name);
      if (id === undefined) throw new ApiError(404, 'device-not-found', `there is no device ${name}`);
      return { profile, id };
    }),
  );
  await operate(devices, { api, seed, signal, say });
};
