import { expect, it } from '@jest/globals';
import { connectionsIn } from './connections.js';

/** As the kernel writes it: a door at 1883 and 9090, with a client, connected to 4222 and, over IPv6, to 5432 and to itself. */
const TABLES = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:075B 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 77 1 0 100 0 0 10 0
   1: 0500590A:075B 0100590A:D431 01 00000000:00000000 00:00000000 00000000  1000        0 78 1 0 20 4 30 10 -1
   2: 0500590A:9C40 0200590A:107E 01 00000000:00000000 02:00000000 00000000  1000        0 79 2 0 20 4 30 10 -1
   3: 0500590A:9C41 0200590A:107E 06 00000000:00000000 02:00000000 00000000     0        0 0 3 0
   4: 0100007F:9C42 0100007F:2382 01 00000000:00000000 00:00000000 00000000  1000        0 80 1 0 20 4 30 10 -1
  sl  local_address                         remote_address                        st tx_queue rx_queue tr
   0: 00000000000000000000000000000000:2382 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000
   1: 0000000000000000FFFF00000500590A:9C43 0000000000000000FFFF00000300590A:1538 01 00000000:00000000 02:00000000
   2: 00000000000000000000000001000000:9C44 00000000000000000000000001000000:2382 01 00000000:00000000 00:00000000
   3: 0000000000000000FFFF00000100007F:9C45 0000000000000000FFFF00000100007F:2382 01 00000000:00000000 00:00000000
`;

it('tells to which ports others are connected, and to which of theirs, in both families', () => {
  expect(connectionsIn(TABLES)).toEqual({ to: [4222, 5432], at: [1883] });
});

it('tells nothing of a pod that nobody is connected to', () => {
  expect(connectionsIn('  sl  local_address rem_address   st\n')).toEqual({ to: [], at: [] });
});
