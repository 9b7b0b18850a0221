import { describe, it } from '@jest/globals';
import { scenario } from '@muster/testing';
import { device } from '../device/device.decider.js';
import type { DeviceEvent } from '../device/device.events.js';
import { provisioned, tokenIssued } from '../device/radiator.fixture.js';

const existing = scenario(device).given([provisioned, tokenIssued]);
const retagged = (...to: readonly string[]): DeviceEvent => ({
  type: 'DeviceRetagged',
  data: { from: ['roof'], to },
});

describe('ChangeInBulk', () => {
  it('changes tags, folder and metadata together, each told by itself', () =>
    existing
      .when({
        type: 'ChangeInBulk',
        tags: { add: ['winter'], remove: [] },
        folder: '/lyon',
        metadata: { floor: null, room: 'attic' },
      })
      .then([
        { type: 'DeviceMoved', data: { from: '/paris', to: '/lyon' } },
        retagged('roof', 'winter'),
        { type: 'DeviceMetadataChanged', data: { changes: { floor: { from: 3 }, room: { to: 'attic' } } } },
      ]));
  it('does nothing for a device that is so already', () =>
    existing
      .when({
        type: 'ChangeInBulk',
        tags: { add: ['roof'], remove: ['cellar'] },
        folder: '/paris',
        metadata: { floor: 3, room: null },
      })
      .then([]));
  it('takes tags away', () =>
    existing.when({ type: 'ChangeInBulk', tags: { add: [], remove: ['roof'] } }).then([retagged()]));
  it('replaces all tags', () =>
    existing.when({ type: 'ChangeInBulk', tags: { set: ['a', 'b'] } }).then([retagged('a', 'b')]));
  it('refuses tags that become too many with those the device has', () =>
    existing
      .when({
        type: 'ChangeInBulk',
        tags: { add: Array.from({ length: 50 }, (_none, nth) => `t${nth}`), remove: [] },
      })
      .thenThrows('invalid-request'));
  it('refuses metadata that becomes too much', () =>
    existing
      .when({ type: 'ChangeInBulk', metadata: { big: 'x'.repeat(9_000) } })
      .thenThrows('invalid-request'));
  it('refuses a device that is not there', () =>
    scenario(device).given([]).when({ type: 'ChangeInBulk', folder: '/' }).thenThrows('device-not-found'));
});
