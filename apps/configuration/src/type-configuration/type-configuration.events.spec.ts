import { describe, expect, it } from '@jest/globals';
import { withoutFixture, type NewestVersions } from '@muster/testing';
import { evolve, initial } from './type-configuration.decider.js';
import type { TypeConfigurationEvent } from './type-configuration.events.js';

/** As they lie in the table, version 1. Never edited: a changed shape is a new version with an upcast, and a new line. */
const stored = `
{"type":"TypeRulesChanged","data":{"keys":{"interval":{"schema":{"type":"integer"}},"mode":{"schema":{"enum":["eco"]}}},"undeclaredKeys":"refused","limits":{"keys":10},"changedAt":"2026-01-01T00:00:00.000Z"}}
{"type":"TypeRulesChanged","data":{"keys":{"mode":null},"changedAt":"2026-01-01T00:00:01.000Z"}}
{"type":"TypeDefaultsChanged","data":{"appVersion":null,"changes":{"interval":{"to":60}},"changedAt":"2026-01-01T00:00:02.000Z"}}
{"type":"TypeDefaultsChanged","data":{"appVersion":"thermostat-v2","changes":{"interval":{"to":30}},"changedAt":"2026-01-01T00:00:03.000Z"}}
{"type":"TypeConfigurationEnded","data":{"endedAt":"2026-01-01T00:00:04.000Z"}}
`;

const newest: NewestVersions<TypeConfigurationEvent> = {
  TypeRulesChanged: 1,
  TypeDefaultsChanged: 1,
  TypeConfigurationEnded: 1,
};

const events = stored
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as TypeConfigurationEvent);

describe('stored events of the configuration of a device type', () => {
  it('have a fixture of every type and version', () => {
    const versioned = events.map((event) => ({ ...event, schemaVersion: 1 }));
    expect(withoutFixture(versioned, newest)).toEqual([]);
  });

  it('are still read', () => {
    expect(events.reduce(evolve, initial)).toEqual({
      ended: true,
      version: 5,
      keys: { interval: { schema: { type: 'integer' } } },
      undeclaredKeys: 'refused',
      limits: { keys: 10 },
      defaults: { interval: 60 },
      appVersions: { 'thermostat-v2': { defaults: { interval: 30 } } },
    });
  });
});
