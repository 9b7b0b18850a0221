/** Ports of TCP connections that are open: to others', and others' to one's own. */
export type Connections = { readonly to: readonly number[]; readonly at: readonly number[] };

const ESTABLISHED = '01';
const LISTEN = '0A';

/** Of the tables `/proc/<pid>/net/tcp` and `tcp6`, one after the other. What a pod says to itself is left out. */
export const connectionsIn = (tables: string): Connections => {
  const rows = Array.from(
    tables.matchAll(/^ *\d+: ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]{2}) /gm),
    ([, , own = '', other = '', theirs = '', state]) => ({
      own: Number.parseInt(own, 16),
      theirs: Number.parseInt(theirs, 16),
      isLoopback: isLoopback(other),
      state,
    }),
  );
  const open = new Set(rows.filter(({ state }) => state === LISTEN).map(({ own }) => own));
  const others = rows.filter(({ state, isLoopback: isOwn }) => state === ESTABLISHED && !isOwn);
  const ports = (found: readonly number[]): number[] => [...new Set(found)].sort((one, other) => one - other);
  return {
    to: ports(others.filter(({ own }) => !open.has(own)).map(({ theirs }) => theirs)),
    at: ports(others.filter(({ own }) => open.has(own)).map(({ own }) => own)),
  };
};

/** 127.0.0.0/8, also as IPv6 writes it, and ::1; each word of the kernel's with its bytes turned round. */
const isLoopback = (address: string): boolean =>
  /^(0{16}F{4}0{4})?[0-9A-F]{6}7F$/.test(address) || address === `${'0'.repeat(24)}01000000`;
