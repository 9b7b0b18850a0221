import {
  BroadcastIcon,
  ChecklistIcon,
  CloudIcon,
  CpuIcon,
  DeviceMobileIcon,
  GearIcon,
  HomeIcon,
  InboxIcon,
  KeyIcon,
  LogIcon,
  StackIcon,
  TasklistIcon,
  UploadIcon,
  type Icon,
} from '@primer/octicons-react';

interface Page {
  readonly to:
    | '/'
    | '/devices'
    | '/campaigns'
    | '/supervisions'
    | '/types'
    | '/firmware'
    | '/imports'
    | '/jobs'
    | '/parked'
    | '/access'
    | '/iot-hubs'
    | '/audit'
    | '/settings';
  readonly name: string;
  readonly icon: Icon;
}

/** What the menu offers, in the order in which it is needed. */
export const PAGES: readonly Page[] = [
  { to: '/', name: 'Start', icon: HomeIcon },
  { to: '/devices', name: 'Devices', icon: DeviceMobileIcon },
  { to: '/campaigns', name: 'Campaigns', icon: BroadcastIcon },
  { to: '/supervisions', name: 'Supervisions', icon: ChecklistIcon },
  { to: '/types', name: 'Device types', icon: StackIcon },
  { to: '/firmware', name: 'Firmware', icon: CpuIcon },
  { to: '/imports', name: 'Imports', icon: UploadIcon },
  { to: '/jobs', name: 'Jobs', icon: TasklistIcon },
  { to: '/parked', name: 'Parked messages', icon: InboxIcon },
  { to: '/access', name: 'Access', icon: KeyIcon },
  { to: '/iot-hubs', name: 'IoT Hubs', icon: CloudIcon },
  { to: '/audit', name: 'Audit trail', icon: LogIcon },
  { to: '/settings', name: 'Settings', icon: GearIcon },
];
