import { setTimeout as delay } from 'node:timers/promises';
import { apiKey, call, platform } from '../platform.js';

/** A device whose endpoint token is its name. */
export interface FleetDevice {
  readonly token: string;
  readonly appVersion: string;
}

/** Devices by one import: one by one, thousands would take longer than what is measured. */
export const importFleet = async (run: string, count: number): Promise<FleetDevice[]> => {
  await call('POST', '/device-types', { name: run });
  const tokens = Array.from({ length: count }, (_, n) => `${run}-${n}`);
  const response = await fetch(`${platform.url}/api/v1/devices/import`, {
    method: 'POST',
    headers: { 'x-api-key': apiKey(), 'content-type': 'text/csv' },
    body: `name,deviceType,token\r\n${tokens.map((token) => `${token},${run},${token}`).join('\r\n')}\r\n`,
  });
  if (response.status !== 202) throw new Error(`import: ${response.status} ${await response.text()}`);
  const { jobId } = (await response.json()) as { jobId: string };
  for (;;) {
    const counts = await call<Record<string, number>>('GET', `/imports/${jobId}`);
    if (counts['waiting'] === 0) {
      if (counts['created'] !== count) throw new Error(`import: ${JSON.stringify(counts)}`);
      return tokens.map((token) => ({ token, appVersion: `${run}-v1` }));
    }
    await delay(200);
  }
};

export const dataTopic = ({ token, appVersion }: FleetDevice): string =>
  `kp1/${appVersion}/dcx/${token}/json`;
