import { describe, expect, it } from '@jest/globals';
import { Connections, type Connection, type Known, type Report } from './connections.js';

const opening = (deviceId = 'd1', at = 't1') => ({
  tenantId: 'default',
  deviceId,
  at,
  clientId: 'c',
  transport: 'tcp' as const,
  protocol: '3.1.1' as const,
  address: null,
});
const opened = (connection: string, deviceId = 'd1', at = 't1'): Report => ({
  kind: 'opened',
  connection,
  ...opening(deviceId, at),
});
const used = (connection: string, deviceId: string, at = 't2'): Report => ({
  kind: 'used',
  connection,
  tenantId: 'default',
  deviceId,
  at,
});
const closed = (connection: string, at = 't3', reason: 'lost' | 'revoked' = 'lost'): Report => ({
  kind: 'closed',
  connection,
  at,
  reason,
});
const lost = (connection: string, at = 't4'): Report => ({ kind: 'lost', connection, at });

/** What is left of one call is what the next one knows, as in the tables. */
class Told {
  private connections = new Map<string, Connection>();
  private links = new Map<string, Known['links'][number]>();
  readonly turns: string[] = [];
  readonly ended: string[] = [];

  tell(door: string, ...reports: Report[]): this {
    const open = [...this.connections.values()].filter((one) => one.opening !== null && one.end === null);
    const connections = new Connections({
      connections: [...this.connections.values()],
      links: [...this.links.values()],
      open: new Set(open.map(({ connection }) => connection)),
    });
    for (const report of reports) connections.apply(report, door);
    for (const one of connections.changed()) {
      this.connections.set(one.connection, one);
      if (one.end === null) continue;
      for (const [key, link] of this.links) if (link.connection === one.connection) this.links.delete(key);
    }
    for (const link of connections.newLinks()) this.links.set(`${link.connection} ${link.deviceId}`, link);
    for (const turn of connections.turns) {
      const why = turn.connected ? `connected since ${turn.since}` : `disconnected ${turn.reason}`;
      this.turns.push(`${turn.deviceId} ${turn.at} ${why}`);
    }
    for (const end of connections.ended) this.ended.push(`${end.deviceId} ${end.at} ${end.reason}`);
    return this;
  }

  state(connection: string): string {
    const known = this.connections.get(connection);
    return known === undefined ? 'unknown' : `${known.door} ${known.end?.reason ?? 'open'}`;
  }
}
/** Told one by one and all in one call: it must be the same. */
const both = (door: string, ...reports: Report[]): Told => {
  const together = new Told().tell(door, ...reports);
  const apart = new Told();
  for (const report of reports) apart.tell(door, report);
  expect(apart).toEqual(together);
  return apart;
};

describe('a device', () => {
  it('is connected from the beginning of its connection until its end', () => {
    const { turns, ended } = both('A', opened('k1'), closed('k1'));
    expect(turns).toEqual(['d1 t1 connected since t1', 'd1 t3 disconnected lost']);
    expect(ended).toEqual(['d1 t3 lost']);
  });

  it('stays connected while another of its connections is open; what ended is told all the same', () => {
    const told = both('A', opened('k1'), opened('k2', 'd1', 't2'), closed('k1', 't3', 'revoked'));
    expect(told.turns).toEqual(['d1 t1 connected since t1']);
    expect(told.ended).toEqual(['d1 t3 revoked']);
    expect(told.tell('A', closed('k2', 't5')).turns.at(-1)).toBe('d1 t5 disconnected lost');
  });

  it('behind a gateway is connected from its first use of the gateway’s connection until its end', () => {
    expect(both('A', opened('k1'), used('k1', 'd2'), used('k1', 'd3'), closed('k1')).turns).toEqual([
      'd1 t1 connected since t1',
      'd2 t2 connected since t1',
      'd3 t2 connected since t1',
      'd1 t3 disconnected lost',
      'd2 t3 disconnected lost',
      'd3 t3 disconnected lost',
    ]);
  });

  it('of two doors is connected until it is gone from both', () => {
    const told = new Told().tell('A', opened('k1')).tell('B', opened('k2')).tell('A', closed('k1'));
    expect(told.turns).toEqual(['d1 t1 connected since t1']);
    expect(told.tell('B', closed('k2')).turns).toHaveLength(2);
  });
});

describe('a report', () => {
  it('that comes again changes nothing, wherever it comes', () => {
    const all = [opened('k1'), used('k1', 'd2'), closed('k1')];
    const once = both('A', ...all);
    for (const again of all) {
      const told = both('A', ...all, again, ...all);
      expect(told.turns).toEqual(once.turns);
      expect(told.ended).toEqual(once.ended);
    }
    expect(both('A', opened('k1'), used('k1', 'd2'), opened('k1'), used('k1', 'd2')).turns).toHaveLength(2);
  });

  it('may come in any order: nobody is connected in the end', () => {
    const orders = permutations([opened('k1'), used('k1', 'd2'), closed('k1')]);
    for (const order of orders) {
      const { turns } = both('A', ...order);
      const connected = new Map<string, boolean>();
      for (const turn of turns) connected.set(turn.slice(0, 2), turn.includes(' connected'));
      expect([...connected.values()]).not.toContain(true);
      expect(both('A', ...order).state('k1')).toBe('A lost');
    }
  });

  it('of an end before its beginning is kept for it', () => {
    const { turns, ended } = both('A', closed('k1'), opened('k1'));
    expect(turns).toEqual([]);
    expect(ended).toEqual(['d1 t3 lost']);
  });

  it('of a use before its connection’s beginning is kept for it', () => {
    expect(both('A', used('k1', 'd2'), opened('k1')).turns).toEqual([
      'd2 t1 connected since t1',
      'd1 t1 connected since t1',
    ]);
  });
});

describe('a connection that was lost with its door', () => {
  const given = () => new Told().tell('A', opened('k1'), used('k1', 'd2')).tell('A', lost('k1'));

  it('is over', () => {
    expect(given().turns.slice(2)).toEqual(['d1 t4 disconnected door-lost', 'd2 t4 disconnected door-lost']);
    expect(given().state('k1')).toBe('A door-lost');
  });

  it('stays over when the door’s earlier life is heard once more', () => {
    const told = given().tell('A', opened('k1'), used('k1', 'd2'));
    expect(told.turns).toHaveLength(4);
  });

  it('is open again when the door’s next life tells of it', () => {
    const told = given().tell('B', opened('k1'), used('k1', 'd2'));
    expect(told.state('k1')).toBe('B open');
    expect(told.turns.slice(4)).toEqual(['d1 t1 connected since t1', 'd2 t2 connected since t1']);
    expect(told.tell('B', closed('k1', 't6')).turns.slice(6)).toHaveLength(2);
    expect(told.tell('B', opened('k1')).state('k1')).toBe('B lost');
  });

  it('is over for good when the door says meanwhile how it ended, whatever comes afterwards', () => {
    const told = given()
      .tell('B', closed('k1', 't5', 'revoked'))
      .tell('B', opened('k1'));
    expect(told.turns).toHaveLength(4);
    expect(told.state('k1')).toBe('A revoked');
  });

  it('that the door’s next life told of already is not lost', () => {
    const told = new Told().tell('A', opened('k1')).tell('B', opened('k1'));
    expect(told.turns).toHaveLength(1);
    expect(told.state('k1')).toBe('B open');
  });
});

const permutations = <Item>(items: readonly Item[]): Item[][] =>
  items.length < 2
    ? [[...items]]
    : items.flatMap((item, at) =>
        permutations(items.filter((_, i) => i !== at)).map((rest) => [item, ...rest]),
      );
