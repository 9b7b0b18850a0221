/** What the groups of operations are about, in the order of the page. An operation's group is named after its controller. */
export const TAGS: Readonly<Record<string, string>> = {
  'Device types':
    'What devices of one make have in common: application versions, settings, rules for metadata.',
  Devices: 'The devices themselves: who they are, where they belong, whether they are connected.',
  'Device bulk': 'The same change of many devices, or their deletion, as a job.',
  Imports: 'Devices created and changed by a file, row by row, as a job.',
  Exports: 'Devices as a file that can be imported again.',
  Groups: 'Filters that are saved under a name, usable wherever a filter is.',
  Folders: 'Where devices belong: a tree, in which a folder is moved with all that is in it.',
  Filters: 'For whoever writes a filter: what there is to filter by.',
  Fleet: 'All devices, or those that a filter means, as numbers.',
  Metadata: 'What is noted about a device, key by key, by operators and by the device.',
  Tokens: 'Endpoint tokens: a part of the topics of a device, by which it is known.',
  Credentials: 'Secrets, passwords and certificates by which a device proves who it is.',
  'Certificate authorities':
    'Who signs certificates of devices; by their rules, devices that nobody has made by hand enrol.',
  'Claim keys': 'Keys with which devices that have no certificate enrol.',
  Configuration: 'What a device should be (desired) and says it is (reported), with its history.',
  'Type configuration': 'Which keys the devices of a type may have, and the default values of those keys.',
  'Bulk changes': 'The same change of the desired values of many devices, as a job.',
  Campaigns:
    'New values for many devices in controlled batches: planned, launched, followed, paused, taken back.',
  'Campaign progress': 'How a campaign goes: its devices and why they stand so, its numbers, what happened.',
  Supervisions:
    'Whether devices keep desired values and report expected ones, device by device, with the reasons.',
  Telemetry: 'What devices measured.',
  Commands: 'What a device is asked to do, and what it answered.',
  'Command bulk': 'The same command for many devices, as a job.',
  'Firmware types': 'What can be updated in the devices of a type.',
  Firmwares: 'Versions of a firmware type, with their files and their rollout.',
  'Download tokens': 'What opens a firmware for many devices, as campaigns hand it out.',
  Software: 'Which version of each firmware type a device runs, was offered and refused.',
  Files: 'What devices uploaded.',
  Integrations: 'Who outside may read the events of the platform, over NATS.',
  'Iot hubs': 'Azure IoT Hubs, through which devices of the interface iothub are managed.',
  'Iot hub devices': 'A device as its IoT Hub knows it.',
  Audit: 'Who did what to what, and when.',
  Jobs: 'Long work, its progress and its errors.',
  Stream: 'What changes, as it happens: campaigns, supervisions, jobs, devices, the fleet.',
  Parked: 'What could not be processed: why, and what shall become of it.',
  Sessions: 'Signing in and out, for the console.',
  Me: 'Who is asking.',
};

/** `TypeConfiguration` → `Type configuration`. */
export const tagOf = (controller: string): string =>
  controller.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
