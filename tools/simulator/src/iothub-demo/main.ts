import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { keptSecrets, startControl, startSimulator, type Simulator } from '@muster/iothub-simulator';
import { patientApi } from '../patient-api.js';
import { ApiError, platformApi } from '../platform-api.js';
import { runHubDevice, type RunningDevice } from './hub-device.js';
import { GROUP, setUpHub, TYPE } from './set-up-hub.js';

/** `npm start -- --iothub-demo`: a hub on this machine, and devices in it by Microsoft's SDK. */

const { values: options } = parseArgs({
  options: {
    url: { type: 'string', default: 'http://127.0.0.1:3000' },
    'api-key-file': { type: 'string', default: '.muster/admin-api-key' },
    directory: { type: 'string', default: '.muster/iothub-simulator' },
    port: { type: 'string', default: '28443' },
    'control-port': { type: 'string', default: '28080' },
    /** Written when the hub is there: whoever has to trust it can then be started. */
    'hub-file': { type: 'string', default: '' },
    /** Written when the devices are there. */
    'summary-file': { type: 'string', default: '' },
  },
});

const PLATFORM_WITHIN_MS = 300_000;
const stopping = new AbortController();
const { signal } = stopping;

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** Who waits for the file never reads half of it. */
const writeWhole = (path: string, text: string): void => {
  if (path === '') return;
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
};

const untilReady = async (url: string): Promise<void> => {
  const until = performance.now() + PLATFORM_WITHIN_MS;
  for (;;) {
    const isReady = await fetch(`${url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) return;
    if (performance.now() > until) throw new ApiError(0, '', `${url} is not ready`);
    await pause(500, undefined, { signal });
  }
};

const summary = (simulator: Simulator, control: number): string => `
20 presses run in an IoT Hub on this machine (in memory; a simulator), by Microsoft's device SDK. To paste into another terminal:

  cd ${process.cwd()}
  api() { curl -sS -w '\\n' -H "x-api-key: $(cat ${options['api-key-file']})" -H 'content-type: application/json' "$@"; }
  API=${options.url}/api/v1

  # the hub; a press as the platform and as the hub see it; what it has told
  api $API/iot-hubs
  PRESS=$(api "$API/devices?filter=name==press-01" | sed 's/.*"items":\\[{"id":"\\([^"]*\\)".*/\\1/')
  api $API/devices/$PRESS/iot-hub
  api $API/devices/$PRESS/telemetry/latest

  # a command, as a direct method, with its answer
  api $API/devices/$PRESS/commands -d '{"type": "reset", "waitSeconds": 10}'

  # a campaign with a canary of three; 18 of the presses cannot be so slow: it stops at the canary
  CAMPAIGN=$(api $API/campaigns -d '{"name": "slower presses", "target": {"filter": "deviceType==${TYPE}"}, "configurations": {"cycleSeconds": 30},
    "batches": [{"filter": "group==${GROUP};tags==canary", "gate": {"maxFailurePercent": 10}}, {"percent": 100}]}' | sed 's/^{"id":"\\([^"]*\\)".*/\\1/')
  api -X POST $API/campaigns/$CAMPAIGN/launch
  sleep 5; api $API/campaigns/$CAMPAIGN/statistics

  # a narrow hub: its faults are at http://127.0.0.1:${control} (tools/iothub-simulator/README.md); its own connection string:
  #   ${simulator.connectionString()}
`;

const run = async (): Promise<void> => {
  const secrets = await keptSecrets(options.directory);
  const simulator = await startSimulator({
    ...secrets,
    ports: [Number(options.port)],
    routes: ['DeviceMessages', 'TwinChangeEvents', 'DeviceLifecycleEvents', 'DeviceConnectionStateEvents'],
    eventHub: { consumerGroups: ['muster'] },
  });
  const devices: RunningDevice[] = [];
  try {
    const control = await startControl(simulator, Number(options['control-port']));
    try {
      say(`an IoT Hub is at ${simulator.hostName}`);
      writeWhole(options['hub-file'], simulator.hostName);
      await untilReady(options.url);
      const key = readFileSync(options['api-key-file'], 'utf8').trim();
      const api = patientApi(platformApi(options.url, key), { say, signal });
      for (const device of await setUpHub(api, simulator.connectionString(), signal))
        devices.push(await runHubDevice(device));
      const text = summary(simulator, control.port);
      say(text);
      writeWhole(options['summary-file'], text);
      await pause(2 ** 31 - 1, undefined, { signal }).catch(() => undefined);
    } finally {
      await Promise.allSettled(devices.map((device) => device.stop()));
      await control.close();
    }
  } finally {
    await simulator.close();
  }
};

for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stopping.abort());
try {
  await run();
} catch (error) {
  if (!signal.aborted) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
