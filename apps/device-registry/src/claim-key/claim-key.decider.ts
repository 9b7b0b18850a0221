import { AppError } from '@muster/contracts';
import type { ClaimKeyStatus } from '@muster/contracts/device-registry/claim-keys.requests';
import { sameJson } from '@muster/contracts/same-json';
import type { Aggregate } from '@muster/event-store';
import { editedValidity, phaseAt } from '../validity.js';
import {
  upcast,
  type ClaimedDevice,
  type ClaimKeyEvent,
  type ClaimKeyValidity,
  type Summary,
} from './claim-key.events.js';

export interface ExistingClaimKey {
  readonly status: 'existing';
  readonly name: string;
  readonly standing: ClaimKeyStatus;
  readonly device: ClaimedDevice;
  readonly limit: number;
  readonly enrolled: number;
  readonly validity: ClaimKeyValidity;
}

export type ClaimKey =
  ExistingClaimKey | { readonly status: 'none' } | { readonly status: 'deleted'; readonly name: string };

export type ClaimKeyCommand =
  | {
      readonly type: 'IssueClaimKey';
      readonly name: string;
      readonly hint: string;
      readonly device: ClaimedDevice;
      readonly limit: number;
      readonly validFrom?: string | null | undefined;
      readonly validUntil: string;
      readonly at: string;
    }
  | {
      /** Absent fields stay. */
      readonly type: 'EditClaimKey';
      readonly name?: string | undefined;
      readonly standing?: ClaimKeyStatus | undefined;
      readonly limit?: number | undefined;
      readonly validFrom?: string | null | undefined;
      readonly validUntil?: string | undefined;
      readonly at: string;
    }
  /** The folder of its devices is at another path now. */
  | { readonly type: 'FollowFolder'; readonly folder: string; readonly at: string }
  /** Counts a device, in the transaction that makes it. */
  | {
      readonly type: 'EnrolDevice';
      readonly deviceId: string;
      readonly name: string;
      readonly at: string;
    }
  | { readonly type: 'DeleteClaimKey' };

/**
 * Decides what a command changes. Returns no events when the command is already satisfied. Throws `claim-key-not-found`,
 * `claim-key-status-final`, `claim-key-closed`, `enrolment-limit-reached`, `invalid-request` (times). That names are unique is
 * known only to the table.
 */
const decide = (command: ClaimKeyCommand, key: ClaimKey): readonly ClaimKeyEvent[] => {
  switch (command.type) {
    case 'IssueClaimKey': {
      if (key.status !== 'none') return [];
      const { name, hint, device, limit, at } = command;
      const validity = validityOf('claimKey', undefined, command);
      const issued: ExistingClaimKey = {
        status: 'existing',
        name,
        standing: 'active',
        device,
        limit,
        enrolled: 0,
        validity,
      };
      return [
        {
          type: 'ClaimKeyIssued',
          data: { name, hint, device, limit, validity, issuedAt: at, summary: summaryOf(issued, at) },
        },
      ];
    }
    case 'EditClaimKey':
      return edit(command, existing(key));
    case 'FollowFolder': {
      const before = existing(key);
      const { folder: to, at } = command;
      const from = before.device.folder;
      if (from === to) return [];
      return [{ type: 'ClaimKeyFolderChanged', data: { from, to, summary: summaryOf(before, at) } }];
    }
    case 'EnrolDevice': {
      const before = existing(key);
      assertOpen(before, command.at);
      if (before.enrolled >= before.limit) {
        throw new AppError(
          'enrolment-limit-reached',
          `The claim key is for ${before.limit} devices, and as many have enrolled.`,
        );
      }
      const { deviceId, name, at } = command;
      const after = { ...before, enrolled: before.enrolled + 1 };
      return [{ type: 'ClaimKeyEnrolledDevice', data: { deviceId, name, summary: summaryOf(after, at) } }];
    }
    case 'DeleteClaimKey':
      if (key.status === 'deleted') return [];
      return [{ type: 'ClaimKeyDeleted', data: { name: existing(key).name } }];
  }
};

const edit = (
  command: Extract<ClaimKeyCommand, { type: 'EditClaimKey' }>,
  before: ExistingClaimKey,
): readonly ClaimKeyEvent[] => {
  const { at } = command;
  const events: ClaimKeyEvent[] = [];
  let after = before;
  const change = <Key extends 'name' | 'limit' | 'validity' | 'standing'>(
    key: Key,
    to: ExistingClaimKey[Key] | undefined,
    event: (from: ExistingClaimKey[Key], to: ExistingClaimKey[Key], summary: Summary) => ClaimKeyEvent,
  ): void => {
    const from = after[key];
    if (to === undefined || sameJson(from, to)) return;
    after = { ...after, [key]: to };
    events.push(event(from, to, summaryOf(after, at)));
  };
  change('name', command.name, (from, to, summary) => ({
    type: 'ClaimKeyRenamed',
    data: { from, to, summary },
  }));
  change('limit', command.limit, (from, to, summary) => ({
    type: 'ClaimKeyLimitChanged',
    data: { from, to, summary },
  }));
  change('validity', validityOf('edit', before, command), (from, to, summary) => ({
    type: 'ClaimKeyValidityChanged',
    data: { from, to, summary },
  }));
  if (before.standing === 'revoked' && command.standing !== undefined && command.standing !== 'revoked') {
    throw new AppError('claim-key-status-final', 'The claim key is revoked; issue another one.');
  }
  change('standing', command.standing, (from, to, summary) => ({
    type: 'ClaimKeyStatusChanged',
    data: { from, to, summary },
  }));
  return events;
};

/** It always has an end. */
const validityOf = (
  path: string,
  before: ExistingClaimKey | undefined,
  command: Extract<ClaimKeyCommand, { type: 'IssueClaimKey' | 'EditClaimKey' }>,
): ClaimKeyValidity => {
  const { validUntil, ...rest } = editedValidity(path, before?.validity ?? {}, command, command.at);
  if (validUntil === undefined) throw new Error('a claim key without an end');
  return { ...rest, validUntil };
};

/** Throws `claim-key-closed`. */
export const assertOpen = ({ standing, validity }: ExistingClaimKey, at: string): void => {
  if (standing !== 'active') throw closed(`it is ${standing}`);
  const phase = phaseAt(validity, at);
  if (phase !== 'within') throw closed(phase === 'before' ? 'its time has not come' : 'its time is over');
};

const closed = (why: string): AppError =>
  new AppError('claim-key-closed', `Nobody can enrol with the claim key: ${why}.`);

const summaryOf = ({ name, standing, enrolled, limit, validity }: ExistingClaimKey, at: string): Summary => ({
  name,
  status: standing,
  opens: standing === 'active' && enrolled < limit && phaseAt(validity, at) === 'within',
  enrolled,
});

const evolve = (key: ClaimKey, event: ClaimKeyEvent): ClaimKey => {
  if (event.type === 'ClaimKeyIssued') {
    const { name, device, limit, validity } = event.data;
    return { status: 'existing', name, standing: 'active', device, limit, enrolled: 0, validity };
  }
  if (key.status !== 'existing') return key;
  switch (event.type) {
    case 'ClaimKeyRenamed':
      return { ...key, name: event.data.to };
    case 'ClaimKeyStatusChanged':
      return { ...key, standing: event.data.to };
    case 'ClaimKeyLimitChanged':
      return { ...key, limit: event.data.to };
    case 'ClaimKeyValidityChanged':
      return { ...key, validity: event.data.to };
    case 'ClaimKeyFolderChanged':
      return { ...key, device: { ...key.device, folder: event.data.to } };
    case 'ClaimKeyEnrolledDevice':
      return { ...key, enrolled: key.enrolled + 1 };
    case 'ClaimKeyDeleted':
      return { status: 'deleted', name: event.data.name };
  }
};

export const claimKey: Aggregate<ClaimKey, ClaimKeyCommand, ClaimKeyEvent> = {
  name: 'claim-key',
  initial: { status: 'none' },
  evolve,
  decide,
  upcast,
};

const existing = (key: ClaimKey): ExistingClaimKey => {
  if (key.status !== 'existing') throw new AppError('claim-key-not-found', 'There is no such claim key.');
  return key;
};
