interface Panel {
  readonly title: string;
  /** Grafana's name of it. */
  readonly unit: 'short' | 's' | 'reqps' | 'ops' | 'percentunit' | 'bytes';
  readonly expr: string;
  readonly legend: string;
}

interface Dashboard {
  readonly name: string;
  readonly title: string;
  readonly rows: readonly { readonly title: string; readonly panels: readonly Panel[] }[];
}

const IN = 'namespace=~"$namespace"';
const rate = (metric: string, by: string): string =>
  `sum by (${by}) (rate(${metric}{${IN}}[$__rate_interval]))`;
const highest = (metric: string, by: string): string => `max by (${by}) (${metric}{${IN}})`;
const quantile = (metric: string, by: string): string =>
  `histogram_quantile(0.99, sum by (le, ${by}) (rate(${metric}_bucket{${IN}}[$__rate_interval])))`;

const DASHBOARDS: readonly Dashboard[] = [
  {
    name: 'fleet',
    title: 'Muster: the fleet',
    rows: [
      {
        title: 'Who is there',
        panels: [
          // From the database: each replica says the same.
          {
            title: 'Devices connected',
            unit: 'short',
            expr: `max(muster_devices_connected{${IN}})`,
            legend: 'devices',
          },
          {
            title: 'Connections at the MQTT door',
            unit: 'short',
            expr: `sum by (pod) (muster_mqtt_front_connections{${IN}})`,
            legend: '{{pod}}',
          },
          {
            title: 'Connections that ended',
            unit: 'ops',
            expr: rate('muster_mqtt_front_closed_total', 'reason'),
            legend: '{{reason}}',
          },
          {
            title: 'Logins',
            unit: 'ops',
            expr: rate('muster_mqtt_front_logins_total', 'outcome'),
            legend: '{{outcome}}',
          },
        ],
      },
      {
        title: 'What they send',
        panels: [
          {
            title: 'By MQTT',
            unit: 'ops',
            expr: rate('muster_mqtt_messages_total', 'resource'),
            legend: '{{resource}}',
          },
          {
            title: 'By HTTP',
            unit: 'ops',
            expr: rate('muster_http_device_requests_total', 'resource'),
            legend: '{{resource}}',
          },
          {
            title: 'Samples',
            unit: 'ops',
            expr: rate('muster_telemetry_samples_total', 'outcome'),
            legend: '{{outcome}}',
          },
          {
            title: 'Telemetry refused',
            unit: 'ops',
            expr: rate('muster_telemetry_refused_total', 'code'),
            legend: '{{code}}',
          },
        ],
      },
      {
        title: 'What they are sent',
        panels: [
          {
            title: 'Pushes',
            unit: 'ops',
            expr: `sum by (outcome) (rate(muster_mqtt_pushes_total{${IN}}[$__rate_interval]))`,
            legend: '{{outcome}}',
          },
          {
            title: 'Answers',
            unit: 'ops',
            expr: rate('muster_mqtt_replies_total', 'outcome'),
            legend: '{{outcome}}',
          },
        ],
      },
    ],
  },
  {
    name: 'services',
    title: 'Muster: the services',
    rows: [
      {
        title: 'REST',
        panels: [
          {
            title: 'Requests',
            unit: 'reqps',
            expr: rate('muster_http_request_seconds_count', 'status'),
            legend: '{{status}}',
          },
          {
            title: 'One in a hundred takes longer',
            unit: 's',
            expr: quantile('muster_http_request_seconds', 'method'),
            legend: '{{method}}',
          },
          {
            title: 'Between services: one in a hundred takes longer',
            unit: 's',
            expr: quantile('muster_answer_seconds', 'service'),
            legend: '{{service}}',
          },
        ],
      },
      {
        title: 'Events',
        panels: [
          {
            title: 'Told late by',
            unit: 's',
            expr: highest('muster_relay_lag_seconds', 'service'),
            legend: '{{service}}',
          },
          {
            title: 'Told',
            unit: 'ops',
            expr: rate('muster_relay_published_total', 'service'),
            legend: '{{service}}',
          },
          {
            title: 'In hand for',
            unit: 's',
            expr: highest('muster_consumer_in_hand_seconds', 'consumer'),
            legend: '{{consumer}}',
          },
          {
            title: 'Parked, to be decided',
            unit: 'short',
            expr: highest('muster_parked_open', 'consumer'),
            legend: '{{consumer}}',
          },
        ],
      },
      {
        title: 'Work',
        panels: [
          {
            title: 'Oldest job that waits',
            unit: 's',
            expr: highest('muster_job_oldest_waiting_seconds', 'service'),
            legend: '{{service}}',
          },
          {
            title: 'Chunks tried again',
            unit: 'ops',
            expr: rate('muster_job_faults_total', 'service'),
            legend: '{{service}}',
          },
          {
            title: 'What filters know is old by',
            unit: 's',
            expr: highest('muster_state_lag_seconds', 'source'),
            legend: '{{source}}',
          },
        ],
      },
      {
        title: 'Processes',
        panels: [
          {
            title: 'Cores',
            unit: 'short',
            expr: rate('process_cpu_seconds_total', 'service'),
            legend: '{{service}}',
          },
          {
            title: 'Memory',
            unit: 'bytes',
            expr: highest('process_resident_memory_bytes', 'service'),
            legend: '{{service}}',
          },
          {
            title: 'Event loop, 99 % of the time within',
            unit: 's',
            expr: highest('nodejs_eventloop_lag_p99_seconds', 'service'),
            legend: '{{service}}',
          },
          {
            title: 'Connected to NATS',
            unit: 'short',
            expr: `min by (service) (muster_bus_connected{${IN}})`,
            legend: '{{service}}',
          },
        ],
      },
    ],
  },
];

/** Dashboards of Grafana, by name, as JSON. */
export const dashboards = (): Readonly<Record<string, string>> =>
  Object.fromEntries(
    DASHBOARDS.map((dashboard) => [dashboard.name, `${JSON.stringify(grafana(dashboard), null, 2)}\n`]),
  );

/** Of 24: four panels in a row. */
const PANEL_WIDTH = 6;
const PANEL_HEIGHT = 7;

const grafana = ({ name, title, rows }: Dashboard): object => ({
  uid: `muster-${name}`,
  title,
  tags: ['muster'],
  schemaVersion: 39,
  refresh: '1m',
  time: { from: 'now-6h', to: 'now' },
  templating: {
    list: [
      { name: 'datasource', type: 'datasource', query: 'prometheus' },
      {
        ...{
          name: 'namespace',
          type: 'query',
          datasource: DATASOURCE,
          refresh: 2,
          includeAll: true,
          multi: true,
        },
        query: 'label_values(muster_bus_connected, namespace)',
      },
    ],
  },
  panels: rows.flatMap((row, index) => {
    const y = index * (PANEL_HEIGHT + 1);
    const heading = { type: 'row', title: row.title, gridPos: { x: 0, y, w: 24, h: 1 }, panels: [] };
    return [
      heading,
      ...row.panels.map((panel, column) => timeSeries(panel, { x: column * PANEL_WIDTH, y: y + 1 })),
    ];
  }),
});

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

const timeSeries = (
  { title, unit, expr, legend }: Panel,
  place: { readonly x: number; readonly y: number },
): object => ({
  type: 'timeseries',
  title,
  datasource: DATASOURCE,
  gridPos: { ...place, w: PANEL_WIDTH, h: PANEL_HEIGHT },
  fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
  targets: [{ refId: 'A', datasource: DATASOURCE, expr, legendFormat: legend }],
});
