import { describe, it } from '@jest/globals';
import { scenario } from '@muster/testing';
import { folder, type FolderCommand } from './folder.decider.js';
import type { FolderEvent, Place } from './folder.events.js';

const at = '2026-11-29T10:00:00.000Z';
const place: Place = { name: 'north', parentId: 'paris', path: '/paris/north' };
const created: FolderEvent = { type: 'FolderCreated', data: { ...place, createdAt: at } };
const deleted: FolderEvent = { type: 'FolderDeleted', data: { path: '/paris/north' } };
const subject = scenario(folder);
const existing = subject.given([created]);

describe('CreateFolder', () => {
  const create: FolderCommand = { type: 'CreateFolder', place, at };
  it('makes it', () => subject.given([]).when(create).then([created]));
  it('does nothing when it is there', () => existing.when(create).then([]));
});

describe('MoveFolder', () => {
  const to: Place = { name: 'south', parentId: 'lyon', path: '/lyon/south' };
  const move: Extract<FolderCommand, { type: 'MoveFolder' }> = {
    type: 'MoveFolder',
    id: 'north',
    from: place,
    to,
    above: ['lyon'],
    height: 2,
  };
  const moved: FolderEvent = { type: 'FolderMoved', data: { from: place, to } };
  it('renames and moves it', () => existing.when(move).then([moved]));
  it('does nothing where it is so already', () => subject.given([created, moved]).when(move).then([]));
  it('refuses to put it into itself or below', () =>
    existing.when({ ...move, above: ['lyon', 'north', 'attic'] }).thenThrows('folder-in-circle'));
  it('refuses what would be too deep with what is below', () => {
    existing.when({ ...move, height: 14 }).then([moved]);
    existing.when({ ...move, height: 15 }).thenThrows('folder-too-deep');
  });
  it('refuses one that is not there', () => {
    subject.given([]).when(move).thenThrows('folder-not-found');
    subject.given([created, deleted]).when(move).thenThrows('folder-not-found');
  });
});

describe('DeleteFolder', () => {
  const remove: FolderCommand = { type: 'DeleteFolder', path: '/paris/north', devices: 0, folders: 0 };
  it('ends it', () => existing.when(remove).then([deleted]));
  it('does nothing the second time', () => subject.given([created, deleted]).when(remove).then([]));
  it('refuses while something is in it', () => {
    existing.when({ ...remove, devices: 1 }).thenThrows('folder-not-empty');
    existing.when({ ...remove, folders: 2 }).thenThrows('folder-not-empty');
  });
  it('refuses one that never was', () => subject.given([]).when(remove).thenThrows('folder-not-found'));
});
