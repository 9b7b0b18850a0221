/** It says what an import would do, and does nothing: that rows would fail is its answer, and nothing to be seen to. */
export const DRY_RUN = 'device-import-dry-run';

const NAMES: Readonly<Record<string, string>> = {
  'configuration-bulk': 'Values for many devices',
  'bulk-change': 'Values for many devices',
  'configuration-defaults': 'Defaults given to devices',
  'device-bulk': 'Devices changed',
  'device-import': 'Import of devices',
  [DRY_RUN]: 'Dry run of an import',
  'command-bulk': 'A command for many devices',
  'iot-hub-reconcile': 'Reconciliation of an IoT Hub',
  'iot-hub-reconcile-dry-run': 'Dry run of a reconciliation of an IoT Hub',
  campaign: 'Campaign',
  'campaign-batch': 'Batch of a campaign',
};

/** What a job is, in words; of kinds that came later their name. */
export const kindName = (kind: string): string => NAMES[kind] ?? kind.replaceAll('-', ' ');
