import { describe, expect, it } from '@jest/globals';
import { inWords, rowsOf } from './audit-text.js';
import type { Entry } from './audit.queries.js';

const entry = (id: string, action: string, traceId?: string, device = 'd1'): Entry => ({
  ...{ id, action, at: '2026-11-28T09:30:00.000Z', service: 'device-registry' },
  actor: { kind: 'user', id: 'anna' },
  resource: { kind: 'device', id: device },
  ...(traceId === undefined ? {} : { traceId }),
});

describe('the audit trail', () => {
  it('says in words what was done', () => {
    expect(inWords('DesiredConfigurationChanged')).toBe('desired configuration changed');
  });

  it('has what one call did to one thing in one row, which the first of it names', () => {
    const rows = rowsOf([
      entry('4', 'CredentialIssued', 't1'),
      entry('3', 'DeviceProvisioned', 't1'),
      entry('2', 'DeviceRenamed', 't1', 'd2'),
      entry('1', 'DeviceRenamed'),
      entry('0', 'DeviceRenamed'),
    ]);
    expect(rows.map(({ first, others }) => [first.id, others.map(({ id }) => id)])).toEqual([
      ['3', ['4']],
      ['2', []],
      ['1', []],
      ['0', []],
    ]);
  });
});
