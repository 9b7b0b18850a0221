import type { FleetPart } from '../provision-fleet.js';
import type { ProfileName } from '../profiles.js';

/** A part of the demo: what is made, and how many of it come alive. The others stay away, as some of every fleet do. */
export interface DemoPart extends FleetPart {
  readonly alive: number;
  /** Which keys its device type takes, with their schemas. */
  readonly configuration: object;
  readonly defaults: object;
}

const BUILDINGS = 4;
const radiatorsFolder = (index: number): string =>
  `/paris/building-${(index % BUILDINGS) + 1}/floor-${index % 3}`;

const number = (minimum: number, maximum: number): object => ({
  schema: { type: 'number', minimum, maximum },
});

/** Four kinds of devices: two versions of radiators, one of them with a default of its own; two ways to speak. */
export const DEMO_FLEET: readonly DemoPart[] = [
  {
    profile: 'radiator',
    devices: 43,
    alive: 40,
    deviceType: (name) => ({
      description: 'Radiators of the demo',
      appVersions: [{ name: `${name}-v1` }, { name: `${name}-v2` }],
    }),
    device: (index, type) => ({
      appVersion: `${type}-v${index % 3 === 0 ? 1 : 2}`,
      folder: radiatorsFolder(index),
      tags: [...(index <= 5 ? ['canary'] : []), index % 2 === 0 ? 'north' : 'south'],
      metadata: { owner: index % 4 === 0 ? 'housing' : 'offices', installed: 2020 + (index % 6) },
      serialNumber: `RT-${1000 + index}`,
    }),
    configuration: {
      keys: {
        targetTemperature: number(5, 30),
        ecoMode: { schema: { type: 'boolean' } },
        ecoLevel: { schema: { type: 'integer', minimum: 1 } },
        firmware_version: { schema: { type: 'string' } },
        firmware_url: { schema: { type: 'string' } },
        firmware_token: { schema: { type: 'string' } },
      },
      undeclaredKeys: 'refused',
    },
    defaults: { targetTemperature: 19 },
  },
  {
    profile: 'tracker',
    devices: 8,
    alive: 8,
    deviceType: () => ({ description: 'Trackers of the demo: samples with times of their own' }),
    device: (index) => ({
      folder: '/lyon/fleet',
      tags: [index % 2 === 0 ? 'van' : 'truck'],
      metadata: { depot: index % 2 === 0 ? 'east' : 'west' },
      position: { latitude: 45.764, longitude: 4.8357 },
    }),
    configuration: { keys: { maxSpeed: number(0, 100) } },
    defaults: {},
  },
  {
    profile: 'gateway',
    devices: 12,
    alive: 12,
    deviceType: () => ({ description: 'Meters of the demo: one connection speaks for all' }),
    device: (index) => ({ folder: '/paris/meters', tags: [index % 2 === 0 ? 'even' : 'odd'] }),
    configuration: { keys: { pulseWeight: number(0, 1_000) } },
    defaults: { pulseWeight: 1 },
  },
  {
    profile: 'boiler',
    devices: 7,
    alive: 6,
    interface: 'http',
    // With the token alone, so that no secret need be kept from one run to the next.
    deviceType: () => ({
      description: 'Boilers of the demo: they ask over HTTP',
      settings: { httpTokenOnly: true },
    }),
    device: (index) => ({
      folder: `/paris/building-${(index % BUILDINGS) + 1}/cellar`,
      tags: ['heating'],
      metadata: { fuel: index % 2 === 0 ? 'gas' : 'pellets' },
    }),
    configuration: { keys: { maxPressure: number(1, 4) } },
    defaults: { maxPressure: 2.5 },
  },
];

export interface DemoGroup {
  readonly name: string;
  readonly description: string;
  readonly filter: string;
}

export const demoGroups = (fleet: string): readonly DemoGroup[] => [
  {
    name: `${fleet}-canary`,
    description: 'Radiators that get everything first',
    filter: `deviceType==${typeOf(fleet, 'radiator')};tags==canary`,
  },
  {
    name: `${fleet}-refusing`,
    description: 'Devices that refused what they should be',
    filter: `deviceType==${fleet}-*;syncState==rejected`,
  },
  {
    name: `${fleet}-offices-north`,
    description: 'Radiators of the offices on the north side',
    filter: `deviceType==${typeOf(fleet, 'radiator')};tags==north;metadata.owner==offices`,
  },
];

export const typeOf = (fleet: string, profile: ProfileName): string => `${fleet}-${profile}`;
