import { describe, expect, it } from '@jest/globals';
import { decodeTelemetry } from '@muster/kp1';
import { PROFILE_NAMES, PROFILES } from './profiles.js';
import { Random } from './random.js';

const START = Date.UTC(2030, 0, 1);

describe.each(PROFILE_NAMES)('a %s', (name) => {
  const create = (index = 1) => PROFILES[name].create(index, new Random(`test ${index}`));

  it('sends samples that the platform can read, for a day, the same for the same seed', () => {
    const [one, same, other] = [create(1), create(1), create(2)];
    let differs = 0;
    for (let n = 0; n < 1440; n += 1) {
      const sample = one.sample(60, START + n * 60_000);
      const [decoded] = decodeTelemetry(Buffer.from(JSON.stringify(sample)));
      expect(decoded?.at).toBe(name === 'tracker' ? (START + n * 60_000) * 1000 : null);
      for (const value of Object.values(sample)) expect(value).not.toBeNull(); // NaN becomes null
      expect(same.sample(60, START + n * 60_000)).toEqual(sample);
      if (JSON.stringify(other.sample(60, START + n * 60_000)) !== JSON.stringify(sample)) differs += 1;
    }
    expect(differs).toBeGreaterThan(1400);
  });

  it('has metadata with keys of 10/EPMP and commands with names of 11/CEP', () => {
    for (const key of Object.keys(create().metadata)) expect(key).toMatch(/^[a-zA-Z0-9_]+$/);
    for (const type of PROFILES[name].commands)
      expect(type).toMatch(/^(?!\d+$|status$|error$)[A-Za-z0-9_-]{1,64}$/);
  });

  it('takes a configuration of others without effect, and executes its commands', () => {
    const device = create();
    expect(device.configure({ unknown: { deep: [1] } })).toBeUndefined();
    for (const type of PROFILES[name].commands) {
      expect(Object.keys(device.execute(type, undefined)).length).toBeGreaterThan(0);
    }
  });
});

describe('what a configuration does', () => {
  it('a radiator comes near its target temperature, and refuses one out of range', () => {
    const radiator = PROFILES.radiator.create(1, new Random('a'));
    expect(radiator.configure({ targetTemperature: 27 })).toBeUndefined();
    expect(radiator.configure({ targetTemperature: 99 })).toMatch(/5 to 30/);
    let temperature = 0;
    for (let n = 0; n < 100; n += 1) temperature = Number(radiator.sample(60, START)['temperature']);
    expect(Math.abs(temperature - 27)).toBeLessThan(1.5);
  });

  it('a tracker keeps below its highest speed, and stands when locked', () => {
    const tracker = PROFILES.tracker.create(1, new Random('b'));
    expect(tracker.configure({ maxSpeed: 2 })).toBeUndefined();
    expect(tracker.configure({ maxSpeed: 'fast' })).toMatch(/maxSpeed/);
    for (let n = 0; n < 100; n += 1) expect(tracker.sample(10, START)['speed']).toBeLessThanOrEqual(2);
    tracker.execute('lock', undefined);
    const { location } = tracker.sample(10, START);
    expect(tracker.sample(10, START)).toMatchObject({ location, speed: 0 });
  });

  it('a meter counts upwards, until it is reset', () => {
    const meter = PROFILES.gateway.create(1, new Random('c'));
    const before = Number(meter.sample(10, START)['pulses']);
    expect(Number(meter.sample(10, START)['pulses'])).toBeGreaterThanOrEqual(before);
    expect(meter.execute('reset-counter', undefined)).toEqual({ pulses: 0 });
  });
});
