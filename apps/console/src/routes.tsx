import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from '@tanstack/react-router';
import {
  CAMPAIGN_STATUSES,
  REASON_ORIGINS,
  TARGET_STATUSES,
  type CampaignStatus,
  type ReasonOrigin,
  type TargetStatus,
} from './campaigns/campaigns.queries.js';
import { ACCESS_SECTIONS } from './access/sections.js';
import { STEPS } from './campaigns/steps.js';
import { RANGES, type Range } from './device/series.js';
import { DEVICE_TABS } from './device/tabs.js';
import { IMPORT_OUTCOMES, type RowOutcome } from './imports/imports.queries.js';
import { FINDING_KINDS, FINDING_OUTCOMES } from './iot-hubs/iot-hubs.queries.js';
import { JOB_STATUSES, type JobStatus } from './jobs/jobs.queries.js';
import { PARKED_STATES, type ParkedState } from './parked/parked.queries.js';
import type { Sort } from './devices/devices.queries.js';
import {
  VERDICT_REASONS,
  VERDICTS,
  type Verdict,
  type VerdictReason,
} from './supervisions/supervisions.queries.js';
import { Frame } from './shell/frame.js';
import { NotFound, PageError } from './shell/page-error.js';

type Search = Readonly<Record<string, unknown>>;

/** What an address says is checked as it comes in; what it cannot mean is left out. */
const text = (search: Search, name: string): string | undefined => {
  const value = search[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
};
const oneOf = <T extends string>(search: Search, name: string, values: readonly T[]): T | undefined =>
  values.find((value) => value === search[name]);
const time = (search: Search, name: string): string | undefined => {
  const value = text(search, name);
  return value === undefined || Number.isNaN(Date.parse(value)) ? undefined : value;
};
const batchIn = (search: Search): number | undefined => {
  const index = Number(search['batch']);
  return Number.isInteger(index) && index > 0 ? index : undefined;
};
/** Without what is not there, so that it does not stand in the address. */
const given = <T extends object>(search: T): Partial<T> =>
  Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined)) as Partial<T>;

const root = createRootRoute({ component: Frame, notFoundComponent: NotFound, errorComponent: PageError });

const start = createRoute({
  getParentRoute: () => root,
  path: '/',
  component: lazyRouteComponent(() => import('./start/start.page.js'), 'StartPage'),
});

const SORTS: readonly Sort[] = ['name', '-name', 'createdAt', '-createdAt'];

const devices = createRoute({
  getParentRoute: () => root,
  path: '/devices',
  validateSearch: (search: Search) =>
    given({
      filter: text(search, 'filter'),
      sort: oneOf(search, 'sort', SORTS),
      columns: text(search, 'columns')?.split(','),
    }),
  component: lazyRouteComponent(() => import('./devices/devices.page.js'), 'DevicesPage'),
});

const device = createRoute({
  getParentRoute: () => root,
  path: '/devices/$id',
  beforeLoad: ({ params, location }) => {
    if (location.pathname.replace(/\/$/, '') !== `/devices/${encodeURIComponent(params.id)}`) return;
    // oxlint-disable-next-line typescript/only-throw-error -- how the router is told to go elsewhere
    throw redirect({ to: '/devices/$id/$tab', params: { id: params.id, tab: 'configuration' } });
  },
});

const deviceTab = createRoute({
  getParentRoute: () => device,
  path: '/$tab',
  params: {
    parse: ({ tab }) => ({ tab: DEVICE_TABS.find((known) => known === tab) ?? 'configuration' }),
    stringify: ({ tab }) => ({ tab }),
  },
  validateSearch: (search: Search) =>
    given({
      at: text(search, 'at'),
      // Empty: none is drawn, which is not the same as nothing said.
      keys: search['keys'] === '' ? '' : text(search, 'keys'),
      range: oneOf(search, 'range', Object.keys(RANGES) as Range[]),
      from: time(search, 'from'),
      to: time(search, 'to'),
      view: oneOf(search, 'view', ['table']),
      status: text(search, 'status'),
      key: text(search, 'key'),
    }),
  component: lazyRouteComponent(() => import('./device/device.page.js'), 'DevicePage'),
});

const jobs = createRoute({
  getParentRoute: () => root,
  path: '/jobs',
  validateSearch: (search: Search) =>
    given({
      status: oneOf<JobStatus>(search, 'status', JOB_STATUSES),
      cursor: text(search, 'cursor'),
    }),
  component: lazyRouteComponent(() => import('./jobs/jobs.page.js'), 'JobsPage'),
});

const job = createRoute({
  getParentRoute: () => root,
  path: '/jobs/$id',
  validateSearch: (search: Search) => given({ cursor: text(search, 'cursor') }),
  component: lazyRouteComponent(() => import('./jobs/job.page.js'), 'JobPage'),
});

const campaigns = createRoute({
  getParentRoute: () => root,
  path: '/campaigns',
  validateSearch: (search: Search) =>
    given({
      status: oneOf<CampaignStatus>(search, 'status', CAMPAIGN_STATUSES),
      name: text(search, 'name'),
      cursor: text(search, 'cursor'),
    }),
  component: lazyRouteComponent(() => import('./campaigns/campaigns.page.js'), 'CampaignsPage'),
});

const newCampaign = createRoute({
  getParentRoute: () => root,
  path: '/campaigns/new',
  component: lazyRouteComponent(() => import('./campaigns/wizard.page.js'), 'NewCampaignPage'),
});

const campaign = createRoute({
  getParentRoute: () => root,
  path: '/campaigns/$id',
  validateSearch: (search: Search) =>
    given({
      status: oneOf<TargetStatus>(search, 'status', TARGET_STATUSES),
      batch: batchIn(search),
      reason: text(search, 'reason'),
      origin: oneOf<ReasonOrigin>(search, 'origin', REASON_ORIGINS),
    }),
  component: lazyRouteComponent(() => import('./campaigns/campaign.page.js'), 'CampaignPage'),
});

const editCampaign = createRoute({
  getParentRoute: () => root,
  path: '/campaigns/$id/edit/$step',
  params: {
    parse: ({ id, step }) => ({ id, step: STEPS.find((known) => known === step) ?? 'definition' }),
    stringify: ({ id, step }) => ({ id, step }),
  },
  component: lazyRouteComponent(() => import('./campaigns/wizard.page.js'), 'EditCampaignPage'),
});

const supervisions = createRoute({
  getParentRoute: () => root,
  path: '/supervisions',
  validateSearch: (search: Search) => given({ cursor: text(search, 'cursor') }),
  component: lazyRouteComponent(() => import('./supervisions/supervisions.page.js'), 'SupervisionsPage'),
});

const newSupervision = createRoute({
  getParentRoute: () => root,
  path: '/supervisions/new',
  component: lazyRouteComponent(() => import('./supervisions/new-supervision.page.js'), 'NewSupervisionPage'),
});

const supervision = createRoute({
  getParentRoute: () => root,
  path: '/supervisions/$id',
  validateSearch: (search: Search) =>
    given({
      verdict: oneOf<Verdict>(search, 'verdict', VERDICTS),
      reason: oneOf<VerdictReason>(search, 'reason', VERDICT_REASONS),
    }),
  component: lazyRouteComponent(() => import('./supervisions/supervision.page.js'), 'SupervisionPage'),
});

const firmware = createRoute({
  getParentRoute: () => root,
  path: '/firmware',
  component: lazyRouteComponent(() => import('./firmware/firmware.page.js'), 'FirmwarePage'),
});

const access = createRoute({
  getParentRoute: () => root,
  path: '/access',
  beforeLoad: () => {
    // oxlint-disable-next-line typescript/only-throw-error -- how the router is told to go elsewhere
    throw redirect({ to: '/access/$section', params: { section: 'you' } });
  },
});

const accessSection = createRoute({
  getParentRoute: () => root,
  path: '/access/$section',
  params: {
    parse: ({ section }) => ({ section: ACCESS_SECTIONS.find((known) => known === section) ?? 'you' }),
    stringify: ({ section }) => ({ section }),
  },
  validateSearch: (search: Search) => given({ cursor: text(search, 'cursor') }),
  component: lazyRouteComponent(() => import('./access/access.page.js'), 'AccessPage'),
});

const settings = createRoute({
  getParentRoute: () => root,
  path: '/settings',
  validateSearch: (search: Search) => given({ cursor: text(search, 'cursor') }),
  component: lazyRouteComponent(() => import('./settings/settings.page.js'), 'SettingsPage'),
});

const integration = createRoute({
  getParentRoute: () => root,
  path: '/settings/integrations/$id',
  component: lazyRouteComponent(() => import('./settings/integration.page.js'), 'IntegrationPage'),
});

const iotHubs = createRoute({
  getParentRoute: () => root,
  path: '/iot-hubs',
  validateSearch: (search: Search) => given({ cursor: text(search, 'cursor') }),
  component: lazyRouteComponent(() => import('./iot-hubs/iot-hubs.page.js'), 'IotHubsPage'),
});

const iotHub = createRoute({
  getParentRoute: () => root,
  path: '/iot-hubs/$id',
  validateSearch: (search: Search) =>
    given({
      // A reconciliation that was started here.
      job: text(search, 'job'),
      finding: oneOf(search, 'finding', FINDING_KINDS),
      outcome: oneOf(search, 'outcome', FINDING_OUTCOMES),
      cursor: text(search, 'cursor'),
    }),
  component: lazyRouteComponent(() => import('./iot-hubs/iot-hub.page.js'), 'IotHubPage'),
});

const folders = createRoute({
  getParentRoute: () => root,
  path: '/folders',
  validateSearch: (search: Search) => given({ cursor: text(search, 'cursor') }),
  component: lazyRouteComponent(() => import('./folders/folders.page.js'), 'FoldersPage'),
});

const groups = createRoute({
  getParentRoute: () => root,
  path: '/groups',
  validateSearch: (search: Search) => given({ cursor: text(search, 'cursor') }),
  component: lazyRouteComponent(() => import('./groups/groups.page.js'), 'GroupsPage'),
});

const audit = createRoute({
  getParentRoute: () => root,
  path: '/audit',
  validateSearch: (search: Search) =>
    given({
      filter: text(search, 'filter'),
      device: text(search, 'device'),
      from: time(search, 'from'),
      to: time(search, 'to'),
      cursor: text(search, 'cursor'),
    }),
  component: lazyRouteComponent(() => import('./audit/audit.page.js'), 'AuditPage'),
});

const types = createRoute({
  getParentRoute: () => root,
  path: '/types',
  validateSearch: (search: Search) => given({ cursor: text(search, 'cursor') }),
  component: lazyRouteComponent(() => import('./types/types.page.js'), 'TypesPage'),
});

const type = createRoute({
  getParentRoute: () => root,
  path: '/types/$id',
  validateSearch: (search: Search) => given({ version: text(search, 'version') }),
  component: lazyRouteComponent(() => import('./types/type.page.js'), 'TypePage'),
});

const imports = createRoute({
  getParentRoute: () => root,
  path: '/imports',
  validateSearch: (search: Search) => given({ cursor: text(search, 'cursor') }),
  component: lazyRouteComponent(() => import('./imports/imports.page.js'), 'ImportsPage'),
});

const importOne = createRoute({
  getParentRoute: () => root,
  path: '/imports/$id',
  validateSearch: (search: Search) =>
    given({
      outcome: oneOf<RowOutcome>(search, 'outcome', IMPORT_OUTCOMES),
      cursor: text(search, 'cursor'),
    }),
  component: lazyRouteComponent(() => import('./imports/import.page.js'), 'ImportPage'),
});

const parked = createRoute({
  getParentRoute: () => root,
  path: '/parked',
  validateSearch: (search: Search) =>
    given({
      state: oneOf<ParkedState>(search, 'state', PARKED_STATES),
      filter: text(search, 'filter'),
      cursor: text(search, 'cursor'),
    }),
  component: lazyRouteComponent(() => import('./parked/parked.page.js'), 'ParkedPage'),
});

const parkedMessage = createRoute({
  getParentRoute: () => root,
  path: '/parked/$id',
  component: lazyRouteComponent(() => import('./parked/parked-message.page.js'), 'ParkedMessagePage'),
});

const tree = root.addChildren([
  audit,
  folders,
  groups,
  access,
  accessSection,
  settings,
  integration,
  iotHubs,
  iotHub,
  supervisions,
  newSupervision,
  supervision,
  firmware,
  start,
  devices,
  device.addChildren([deviceTab]),
  campaigns,
  newCampaign,
  campaign,
  editCampaign,
  jobs,
  job,
  types,
  type,
  imports,
  importOne,
  parked,
  parkedMessage,
]);

/** Addresses stay readable, and are the same when written by hand: each parameter is a text. */
const readSearch = (search: string): Search => Object.fromEntries(new URLSearchParams(search));
const writeSearch = (search: Search): string => {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(search)) {
    const written = Array.isArray(value) ? value.join(',') : value;
    if (typeof written === 'string' && written !== '') parameters.set(name, written);
    if (typeof written === 'number') parameters.set(name, String(written));
  }
  const written = parameters.toString();
  return written === '' ? '' : `?${written}`;
};

export const router = createRouter({
  routeTree: tree,
  parseSearch: readSearch,
  stringifySearch: writeSearch,
  defaultPreload: 'intent',
  defaultErrorComponent: PageError,
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
