import { BroadcastIcon, DeviceMobileIcon, HomeIcon, TasklistIcon, type Icon } from '@primer/octicons-react';

interface Page {
  readonly to: '/' | '/devices' | '/campaigns' | '/jobs';
  readonly name: string;
  readonly icon: Icon;
}

/** What the menu offers, in the order in which it is needed. */
export const PAGES: readonly Page[] = [
  { to: '/', name: 'Start', icon: HomeIcon },
  { to: '/devices', name: 'Devices', icon: DeviceMobileIcon },
  { to: '/campaigns', name: 'Campaigns', icon: BroadcastIcon },
  { to: '/jobs', name: 'Jobs', icon: TasklistIcon },
];
