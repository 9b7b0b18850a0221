import { describe, expect, it } from '@jest/globals';
import { scenario } from '@muster/testing';
import { decide, evolve, initial, type CreateFirmwareType } from './firmware-type.decider.js';
import type { FirmwareTypeEvent } from './firmware-type.events.js';

const type = scenario({ initial, evolve, decide });
const create = (more: Partial<CreateFirmwareType> = {}): CreateFirmwareType => ({
  type: 'CreateFirmwareType',
  deviceTypeId: 't1',
  name: 'main',
  versionKey: 'v',
  urlKey: 'u',
  tokenKey: 't',
  at: '2026-01-01T00:00:00.000Z',
  ...more,
});

describe('CreateFirmwareType', () => {
  it('records name and keys', () => {
    type
      .given([])
      .when(create())
      .then([
        {
          type: 'FirmwareTypeCreated',
          data: {
            deviceTypeId: 't1',
            name: 'main',
            versionKey: 'v',
            urlKey: 'u',
            tokenKey: 't',
            createdAt: '2026-01-01T00:00:00.000Z',
          },
        },
      ]);
  });

  it.each(['status', 'error', 'default', '42'])('refuses the name %s', (name) => {
    type.given([]).when(create({ name })).thenThrows('invalid-request');
  });

  it('refuses one key for two things', () => {
    type
      .given([])
      .when(create({ urlKey: 'v' }))
      .thenThrows('invalid-request');
  });
});

/** As it lies in the table, version 1. Never edited: a changed shape is a new version with an upcast, and a new line. */
const stored = `{"type":"FirmwareTypeCreated","data":{"deviceTypeId":"t1","name":"main","versionKey":"v","urlKey":"u","tokenKey":"t","createdAt":"2026-01-01T00:00:00.000Z"}}`;

describe('the stored event of a firmware type', () => {
  it('is still read', () => {
    const event = JSON.parse(stored) as FirmwareTypeEvent;
    expect(evolve(initial, event).created).toMatchObject({ name: 'main', versionKey: 'v', tokenKey: 't' });
  });
});
