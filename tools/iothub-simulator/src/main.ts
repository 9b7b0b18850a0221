#!/usr/bin/env node
import { join, resolve } from 'node:path';
import { parseCommandLine, HELP, type CommandLine } from './command-line.js';
import { startControl } from './control/control-server.js';
import { AUTHORITY_FILE, keptSecrets } from './kept-secrets.js';
import { startSimulator } from './simulator.js';

const USAGE_ERROR = 64;

const main = async ({
  controlPort,
  devices,
  directory,
  simulator: options,
  verbose,
}: CommandLine): Promise<void> => {
  const secrets = directory === undefined ? {} : await keptSecrets(directory);
  const simulator = await startSimulator({
    ...options,
    ...secrets,
    ...(verbose ? { log: console.error } : {}),
  });
  const control = await startControl(simulator, controlPort).catch(async (error: unknown) => {
    await simulator.close();
    throw error;
  });
  for (const deviceId of devices) simulator.createDevice(deviceId);
  console.log(`IoT Hub simulator, in memory only, at ${simulator.hostName}`);
  console.log(`  service     ${simulator.connectionString()}`);
  console.log(`  event hub   ${simulator.eventHubConnectionString()}`);
  for (const deviceId of devices) console.log(`  device      ${simulator.deviceConnectionString(deviceId)}`);
  console.log(`  control     http://127.0.0.1:${control.port}`);
  console.log(
    directory === undefined
      ? `  trust       curl -s http://127.0.0.1:${control.port} has its authority; --directory keeps it in a file`
      : `  trust       export NODE_EXTRA_CA_CERTS=${resolve(join(directory, AUTHORITY_FILE))}`,
  );
  const stop = (): void => {
    void Promise.all([control.close(), simulator.close()]);
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
};

try {
  const commandLine = parseCommandLine(process.argv.slice(2));
  if (commandLine.help) process.stdout.write(HELP);
  else {
    await main(commandLine).catch((error: unknown) => {
      console.error(error instanceof Error ? error.message : error);
      process.exitCode = 1;
    });
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = USAGE_ERROR;
}
