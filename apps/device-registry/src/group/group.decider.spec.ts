import { describe, it } from '@jest/globals';
import { scenario } from '@muster/testing';
import { group, type GroupCommand } from './group.decider.js';
import type { GroupEvent } from './group.events.js';

const at = '2026-11-28T10:00:00.000Z';
const create: GroupCommand = {
  type: 'CreateGroup',
  name: 'roofs',
  description: 'Under the sun',
  filter: 'tags==roof',
  at,
};
const created: GroupEvent = {
  type: 'GroupCreated',
  data: { name: 'roofs', description: 'Under the sun', filter: 'tags==roof', createdAt: at },
};
const deleted: GroupEvent = { type: 'GroupDeleted', data: { name: 'roofs' } };
const subject = scenario(group);
const existing = subject.given([created]);

describe('CreateGroup', () => {
  it('saves a filter under a name', () => subject.given([]).when(create).then([created]));
  it('does nothing when it is there', () => existing.when(create).then([]));
});

describe('EditGroup', () => {
  it('tells each change with what was before', () =>
    existing.when({ type: 'EditGroup', name: 'tops', description: null, filter: 'tags==top' }).then([
      { type: 'GroupRenamed', data: { from: 'roofs', to: 'tops' } },
      { type: 'GroupDescribed', data: { from: 'Under the sun', to: null } },
      { type: 'GroupFilterChanged', data: { from: 'tags==roof', to: 'tags==top' } },
    ]));
  it('does nothing for what is so already', () =>
    existing
      .when({ type: 'EditGroup', name: 'roofs', description: 'Under the sun', filter: 'tags==roof' })
      .then([]));
  it('leaves alone what is absent', () => existing.when({ type: 'EditGroup' }).then([]));
  it('refuses one that is not there', () => {
    subject.given([]).when({ type: 'EditGroup' }).thenThrows('group-not-found');
    subject.given([created, deleted]).when({ type: 'EditGroup' }).thenThrows('group-not-found');
  });
});

describe('DeleteGroup', () => {
  it('ends it', () => existing.when({ type: 'DeleteGroup' }).then([deleted]));
  it('does nothing the second time', () =>
    subject.given([created, deleted]).when({ type: 'DeleteGroup' }).then([]));
  it('refuses one that never was', () =>
    subject.given([]).when({ type: 'DeleteGroup' }).thenThrows('group-not-found'));
});
