import { describe, expect, it } from '@jest/globals';
import { Presence, type Connection, type Known, type Report } from './presence.js';

const opened = (connection: string, clientId = 'c1', at = 't1'): Report => ({
  kind: 'opened',
  connection,
  clientId,
  broker: 'b',
  incarnation: 1,
  at,
});
const used = (deviceId: string, clientId = 'c1', at = 't2'): Report => ({
  kind: 'used',
  tenantId: 'default',
  deviceId,
  clientId,
  at,
});
const closed = (connection: string, at = 't3'): Report => ({ kind: 'closed', connection, at });

const known = (connection: string, change: Partial<Connection> = {}): Connection => ({
  connection,
  clientId: 'c1',
  broker: 'b',
  incarnation: 1,
  closedAt: null,
  ...change,
});
const link = (connection: string, deviceId = 'd1') => ({ connection, tenantId: 'default', deviceId });
const given = (state: Partial<Known> = {}) => ({
  when: (...reports: Report[]) => {
    const presence = new Presence({ connections: [], links: [], recentUses: [], ...state });
    for (const report of reports) presence.apply(report);
    return {
      turns: presence.transitions.map(
        ({ deviceId, connected, at }) => `${deviceId} ${connected ? 'connected' : 'disconnected'} ${at}`,
      ),
      links: presence.newLinks().map(({ connection, deviceId }) => `${connection} ${deviceId}`),
      connections: presence.changedConnections().map(({ connection, closedAt }) => [connection, closedAt]),
    };
  },
});

describe('a device', () => {
  it('is connected from the first use of a connection until its end', () => {
    const { turns, links, connections } = given().when(opened('k1'), used('d1'));
    expect(turns).toEqual(['d1 connected t2']);
    expect(links).toEqual(['k1 d1']);
    expect(connections).toEqual([['k1', null]]);
    const later = given({ connections: [known('k1')], links: [link('k1')] }).when(closed('k1'));
    expect(later.turns).toEqual(['d1 disconnected t3']);
    expect(later.connections).toEqual([['k1', 't3']]);
  });

  it('is not connected by a connection that has not used it', () => {
    expect(given().when(opened('k1')).turns).toEqual([]);
    expect(given().when(opened('k1'), used('d1', 'c2')).turns).toEqual([]);
  });

  it('is connected when the use is told before the opening', () => {
    expect(given().when(used('d1'), opened('k1')).turns).toEqual(['d1 connected t1']);
    const recentUses = [{ clientId: 'c1', tenantId: 'default', deviceId: 'd1' }];
    expect(given({ recentUses }).when(opened('k1')).turns).toEqual(['d1 connected t1']);
  });

  it('stays connected while another of its connections is open', () => {
    const state = {
      connections: [known('k1'), known('k2', { clientId: 'c2' })],
      links: [link('k1'), link('k2')],
    };
    expect(given(state).when(closed('k1')).turns).toEqual([]);
    expect(given(state).when(closed('k1'), closed('k2', 't4')).turns).toEqual(['d1 disconnected t4']);
  });

  it('is known to be connected elsewhere by a connection that no report names', () => {
    const state = { connections: [known('k1')], links: [link('k1'), link('k9')] };
    expect(given(state).when(closed('k1')).turns).toEqual([]);
  });

  it('stays connected when the same client takes over, in either order of the two reports', () => {
    const state = { connections: [known('k1')], links: [link('k1')] };
    expect(given(state).when(opened('k2'), used('d1'), closed('k1')).turns).toEqual([]);
    expect(given(state).when(used('d1'), opened('k2'), closed('k1')).turns).toEqual([]);
  });

  it('comes and goes within one batch: both are told, nothing stays', () => {
    const { turns, links, connections } = given().when(opened('k1'), used('d1'), closed('k1'));
    expect(turns).toEqual(['d1 connected t2', 'd1 disconnected t3']);
    expect(links).toEqual([]);
    expect(connections).toEqual([['k1', 't3']]);
  });

  it('shares a connection with others: a gateway', () => {
    expect(given().when(opened('k1'), used('d1'), used('d2'), closed('k1')).turns).toEqual([
      'd1 connected t2',
      'd2 connected t2',
      'd1 disconnected t3',
      'd2 disconnected t3',
    ]);
  });
});

describe('a report that comes again', () => {
  it('changes nothing', () => {
    const state = { connections: [known('k1')], links: [link('k1')] };
    expect(given(state).when(opened('k1'), used('d1'))).toEqual({ turns: [], links: [], connections: [] });
    expect(given().when(opened('k1'), used('d1'), opened('k1'), used('d1')).turns).toHaveLength(1);
  });

  it('does not open again what was closed', () => {
    const state = { connections: [known('k1', { closedAt: 't0' })] };
    expect(given(state).when(opened('k1'), used('d1'), closed('k1'))).toEqual({
      turns: [],
      links: [],
      connections: [],
    });
  });

  it('of a connection nobody knows ends nothing', () => {
    expect(given().when(closed('k7'))).toEqual({ turns: [], links: [], connections: [] });
  });
});
