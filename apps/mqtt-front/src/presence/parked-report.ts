import type { DoorReport } from '@muster/contracts/device-registry/connectivity.requests';
import { park, type Bus } from '@muster/messaging';

/** Sets aside what device-registry cannot digest, for somebody to look at. */
export const parkReport =
  (bus: Bus) =>
  (report: DoorReport, reason: string): Promise<void> => {
    const payload = JSON.stringify(report);
    return park(bus, {
      stream: 'mqtt-front',
      consumer: 'presence',
      id: payload,
      subject: report.kind,
      payload: Buffer.from(payload),
      reason,
    });
  };
