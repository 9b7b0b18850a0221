import { describe, it } from '@jest/globals';
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

const at = '2026-01-02T00:00:00.000Z';
const created = decide(create(), initial);
const deleted: FirmwareTypeEvent = {
  type: 'FirmwareTypeDeleted',
  data: { deviceTypeId: 't1', deletedAt: at },
};

describe('EditFirmwareType', () => {
  const edit = { type: 'EditFirmwareType', hasFirmwares: false, at } as const;

  it('changes name and keys, and keeps what is not named', () => {
    type
      .given(created)
      .when({ ...edit, name: 'modem', urlKey: 'url', expectedVersion: 1 })
      .then([
        { type: 'FirmwareTypeRenamed', data: { name: 'modem', changedAt: at } },
        {
          type: 'FirmwareTypeKeysChanged',
          data: { versionKey: 'v', urlKey: 'url', tokenKey: 't', changedAt: at },
        },
      ]);
  });

  it('keeps to the rules of a new one', () => {
    type
      .given(created)
      .when({ ...edit, name: 'default' })
      .thenThrows('invalid-request');
    type
      .given(created)
      .when({ ...edit, urlKey: 't' })
      .thenThrows('invalid-request');
  });

  it('is refused while firmwares of it exist, unless it says what is so already', () => {
    type
      .given(created)
      .when({ ...edit, name: 'modem', hasFirmwares: true })
      .thenThrows('firmware-type-in-use');
    type
      .given(created)
      .when({ ...edit, name: 'main', hasFirmwares: true })
      .then([]);
  });

  it('is refused for a version that is not there any more, or never was', () => {
    const renamed = decide({ ...edit, name: 'modem' }, created.reduce(evolve, initial));
    const history = [...created, ...renamed];
    type
      .given(history)
      .when({ ...edit, name: 'radio', expectedVersion: 1 })
      .thenThrows('version-mismatch');
    type
      .given(history)
      .when({ ...edit, name: 'modem', expectedVersion: 1 })
      .then([]);
    type
      .given(history)
      .when({ ...edit, name: 'modem', expectedVersion: 7 })
      .thenThrows('version-mismatch');
  });

  it('finds none that is not there', () => {
    type.given([]).when(edit).thenThrows('firmware-type-not-found');
    type
      .given([...created, deleted])
      .when({ ...edit, name: 'modem' })
      .thenThrows('firmware-type-not-found');
  });
});

describe('DeleteFirmwareType', () => {
  const remove = { type: 'DeleteFirmwareType', hasFirmwares: false, isFirstOfSeveral: false, at } as const;

  it('ends it', () => {
    type.given(created).when(remove).then([deleted]);
  });

  it('is refused while firmwares of it exist, and for the default while others do', () => {
    type
      .given(created)
      .when({ ...remove, hasFirmwares: true })
      .thenThrows('firmware-type-in-use');
    type
      .given(created)
      .when({ ...remove, isFirstOfSeveral: true })
      .thenThrows('firmware-type-is-default');
    type
      .given(created)
      .when({ ...remove, expectedVersion: 2 })
      .thenThrows('version-mismatch');
    type.given([]).when(remove).thenThrows('firmware-type-not-found');
  });
});
