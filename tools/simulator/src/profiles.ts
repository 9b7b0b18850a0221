import type { JsonObject, Json } from '@muster/kp1';
import type { Random } from './random.js';

/** How one device of a kind behaves; its memory is a few numbers. */
export interface Behaviour {
  readonly metadata: JsonObject;
  /** `elapsedSeconds` since the last one; `at` is Unix milliseconds. */
  sample(elapsedSeconds: number, at: number): JsonObject;
  /** Takes over a configuration; the reason if the device cannot. */
  configure(config: JsonObject): string | undefined;
  /** What the device answers to a command that it could execute. */
  execute(type: string, payload: Json | undefined): JsonObject;
}

export interface Profile {
  /** Command types that a device listens for. */
  readonly commands: readonly string[];
  create(index: number, random: Random): Behaviour;
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits));
const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));
const serialOf = (prefix: string, index: number): string => `${prefix}${String(index).padStart(7, '0')}`;

/** Percent. */
const LOW_BATTERY = 20;

/** Drifts towards the target temperature with a time constant of ten minutes, as a room does. */
const radiator: Profile = {
  commands: ['boost', 'reboot'],
  create(index, random) {
    const room = random.between(15, 24);
    let target = 20;
    let temperature = room;
    let humidity = random.between(35, 60);
    let battery = random.between(5, 100);
    return {
      metadata: {
        model: random.next() < 0.5 ? 'RT-200' : 'RT-300',
        serial: serialOf('RT', index),
        floor: random.below(6),
      },
      sample(elapsedSeconds) {
        temperature +=
          (target - temperature) * (1 - Math.exp(-elapsedSeconds / 600)) + random.between(-0.1, 0.1);
        humidity = clamp(humidity + random.between(-0.5, 0.5), 20, 80);
        battery = Math.max(0, battery - elapsedSeconds * 1e-6);
        return {
          temperature: round(temperature, 2),
          humidity: round(humidity, 1),
          valve: round(clamp((target - temperature) * 20 + 30, 0, 100), 0),
          battery: round(battery, 1),
          alarm: battery < LOW_BATTERY ? 'battery-low' : 'none',
        };
      },
      configure(config) {
        if (config['ecoMode'] === true && battery < LOW_BATTERY) {
          return 'the battery is too low to drive the valve by the hour (ecoMode)';
        }
        const wanted = config['targetTemperature'];
        if (wanted === undefined) return undefined;
        if (typeof wanted !== 'number' || wanted < 5 || wanted > 30) {
          return 'targetTemperature must be a number from 5 to 30';
        }
        target = wanted;
        return undefined;
      },
      execute(type) {
        if (type === 'boost') temperature += 1;
        return { temperature: round(temperature, 2) };
      },
    };
  },
};

/** Walks through a city; gives its samples their own time, as what is out of reach now and then has to. */
const tracker: Profile = {
  commands: ['locate', 'lock'],
  create(index, random) {
    let latitude = 48.8566 + random.between(-0.05, 0.05);
    let longitude = 2.3522 + random.between(-0.08, 0.08);
    let heading = random.between(0, 360);
    let locked = false;
    let fastest = 14;
    const position = (): JsonObject => ({ lat: round(latitude, 6), lon: round(longitude, 6) });
    return {
      metadata: {
        model: 'TR-9',
        serial: serialOf('TR', index),
        plate: `SIM-${String(index).padStart(5, '0')}`,
      },
      sample(elapsedSeconds, at) {
        const speed = locked ? 0 : random.between(0, fastest);
        heading = (heading + random.between(-30, 30) + 360) % 360;
        const metres = speed * Math.min(elapsedSeconds, 60);
        const radians = (heading * Math.PI) / 180;
        latitude = clamp(latitude + (metres * Math.cos(radians)) / 111_320, -80, 80);
        const metresPerDegree = 111_320 * Math.cos((latitude * Math.PI) / 180);
        longitude = ((longitude + (metres * Math.sin(radians)) / metresPerDegree + 540) % 360) - 180;
        return {
          ts: new Date(at).toISOString(),
          location: position(),
          speed: round(speed, 1),
          heading: round(heading, 0),
          satellites: 4 + random.below(9),
        };
      },
      configure(config) {
        const wanted = config['maxSpeed'];
        if (wanted === undefined) return undefined;
        if (typeof wanted !== 'number' || wanted < 0 || wanted > 100) {
          return 'maxSpeed must be a number from 0 to 100';
        }
        fastest = wanted;
        return undefined;
      },
      execute(type) {
        if (type === 'lock') locked = !locked;
        return { ...position(), locked };
      },
    };
  },
};

/** A sensor behind a gateway: counts, and says how well the gateway hears it. */
const gateway: Profile = {
  commands: ['read-now', 'reset-counter'],
  create(index, random) {
    let pulses = random.below(100_000);
    let pulsesPerSecond = random.between(0.1, 5);
    return {
      metadata: {
        model: 'MB-1',
        serial: serialOf('MB', index),
        medium: random.next() < 0.5 ? 'water' : 'heat',
      },
      sample(elapsedSeconds) {
        pulses += Math.round(elapsedSeconds * pulsesPerSecond * random.between(0.5, 1.5));
        pulsesPerSecond = clamp(pulsesPerSecond + random.between(-0.1, 0.1), 0, 10);
        return { pulses, flow: round(pulsesPerSecond, 3), rssi: -50 - random.below(40) };
      },
      configure(config) {
        const wanted = config['pulseWeight'];
        if (wanted === undefined || (typeof wanted === 'number' && wanted > 0)) return undefined;
        return 'pulseWeight must be a number above 0';
      },
      execute(type) {
        if (type === 'reset-counter') pulses = 0;
        return { pulses };
      },
    };
  },
};

/** Keeps its pressure, loses some water now and then, and says so until somebody refills it. */
const boiler: Profile = {
  commands: ['refill', 'restart'],
  create(index, random) {
    let pressure = random.between(1.2, 2);
    let flow = random.between(50, 65);
    let highest = 2.5;
    return {
      metadata: { model: 'BK-40', serial: serialOf('BK', index), powerKw: 20 + 5 * random.below(5) },
      sample(elapsedSeconds) {
        pressure = clamp(
          pressure - elapsedSeconds * 1e-4 * random.next() + random.between(-0.02, 0.02),
          0.2,
          4,
        );
        flow = clamp(flow + random.between(-1, 1), 35, 80);
        return {
          pressure: round(pressure, 2),
          flowTemperature: round(flow, 1),
          alarm: pressure < 1 ? 'pressure-low' : pressure > highest ? 'pressure-high' : 'none',
        };
      },
      configure(config) {
        const wanted = config['maxPressure'];
        if (wanted === undefined) return undefined;
        if (typeof wanted !== 'number' || wanted < 1 || wanted > 3) {
          return 'maxPressure must be a number from 1 to 3';
        }
        highest = wanted;
        return undefined;
      },
      execute(type) {
        if (type === 'refill') pressure = 1.8;
        return { pressure: round(pressure, 2) };
      },
    };
  },
};

export const PROFILE_NAMES = ['radiator', 'tracker', 'gateway', 'boiler'] as const;
export type ProfileName = (typeof PROFILE_NAMES)[number];
export const PROFILES: Readonly<Record<ProfileName, Profile>> = { radiator, tracker, gateway, boiler };
