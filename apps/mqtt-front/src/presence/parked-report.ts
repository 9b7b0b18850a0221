import { reportConnections, type DoorReport } from '@muster/contracts/device-registry/connectivity.requests';
import { failedReplay, park, unpack, type Bus, type Replay } from '@muster/messaging';

/** By that name it is parked, and asked to be handled again. */
const CONSUMER = 'mqtt-front-presence';
const TIMEOUT_MS = 10_000;

interface ParkedReport {
  readonly door: string;
  readonly report: DoorReport;
}

/** Sets aside what device-registry cannot digest, for somebody to look at. */
export const parkReport =
  (bus: Bus) =>
  (door: string, report: DoorReport, reason: string): Promise<void> => {
    const parked: ParkedReport = { door, report };
    const payload = JSON.stringify(parked);
    return park(bus, {
      stream: 'mqtt-front',
      consumer: CONSUMER,
      id: payload,
      subject: report.kind,
      payload: Buffer.from(payload),
      reason,
    });
  };

/** Any front tells it anew, for the one that had it: where that one's lease has lapsed its connections are over, and nothing is to be told. */
export const presenceReplays = (bus: Bus, leaseSeconds: number): Readonly<Record<string, Replay>> => ({
  [CONSUMER]: async ({ payload }) => {
    try {
      const { door, report } = JSON.parse(
        payload === undefined ? 'null' : unpack(payload).toString('utf8'),
      ) as ParkedReport; // written by `parkReport` alone
      const told = { door, isNew: false, leaseSeconds, reports: [report] };
      await bus.request(reportConnections, told, { timeoutMs: TIMEOUT_MS });
      return { outcome: 'done' };
    } catch (error) {
      return failedReplay(error);
    }
  },
});
