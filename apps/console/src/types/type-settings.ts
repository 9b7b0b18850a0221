import type { Schema } from '../api/client.js';
import { json } from '../shared/format.js';
import type { DeviceType } from './types.queries.js';

export type Settings = Schema<'DeviceTypeSettings'>;
/** What can be edited of a type; a setting that is not there has its default. */
export type TypeDraft = Pick<DeviceType, 'name' | 'description' | 'settings'>;
export type TypeEdit = Schema<'DeviceTypeEdit'>;

interface Described {
  readonly name: Exclude<keyof Settings, 'metadataKeys' | 'undeclaredMetadataKeys'>;
  readonly label: string;
  readonly means: string;
  readonly byDefault: string;
  readonly kind: 'switch' | 'number' | 'text' | 'choice';
  readonly choices?: readonly { readonly value: string; readonly label: string }[];
}

/** Every setting of a type, in the order in which it is shown. */
export const SETTINGS: readonly Described[] = [
  {
    name: 'plainTelemetry',
    label: 'Plain telemetry',
    means: 'Values without JSON are taken on dcx/{token}/plain/{metric}.',
    byDefault: 'off',
    kind: 'switch',
  },
  {
    name: 'httpTokenOnly',
    label: 'Over HTTP the token is enough',
    means: 'The secret of a device need not be sent.',
    byDefault: 'off',
    kind: 'switch',
  },
  {
    name: 'enrolmentNeedsApproval',
    label: 'Who enrols waits for an approval',
    means: 'Devices that enrol by themselves are let in when an operator has approved them.',
    byDefault: 'off',
    kind: 'switch',
  },
  {
    name: 'deliverWithoutSubscribe',
    label: 'Delivered without SUBSCRIBE',
    means: 'Over MQTT all that is said to a device arrives without a subscription.',
    byDefault: 'off',
    kind: 'switch',
  },
  {
    name: 'minTokenLength',
    label: 'Characters of a given token, at least',
    means: 'Whoever guesses a token is the device. Tokens that the platform makes have 24.',
    byDefault: '8',
    kind: 'number',
  },
  {
    name: 'timestampPath',
    label: 'Where the time of a sample is',
    means: 'A dotted path in the sample, such as meta.time.',
    byDefault: 'ts',
    kind: 'text',
  },
  {
    name: 'timestampUnit',
    label: 'What a number there counts',
    means: 'Since 1970.',
    byDefault: 'milliseconds',
    kind: 'choice',
    choices: [
      { value: 'milliseconds', label: 'milliseconds' },
      { value: 'seconds', label: 'seconds' },
    ],
  },
  {
    name: 'unsetClock',
    label: 'A sample before 2000, or more than a day ahead',
    means: 'What becomes of it: a clock that is not set.',
    byDefault: 'refuse',
    kind: 'choice',
    choices: [
      { value: 'refuse', label: 'its message is refused' },
      { value: 'skip', label: 'it alone is left out' },
      { value: 'arrival', label: 'the time of its arrival counts' },
    ],
  },
];

export const draftOf = ({ name, description, settings }: DeviceType): TypeDraft => ({
  name,
  ...(description === undefined ? {} : { description }),
  settings,
});

/** What is said to be changed: only that in which `draft` is not as it was when it was opened. */
export const editOf = (opened: TypeDraft, draft: TypeDraft): TypeEdit => {
  const settings: Record<string, unknown> = {};
  for (const name of namesOf(opened.settings, draft.settings)) {
    const wanted = draft.settings[name];
    if (json(opened.settings[name]) !== json(wanted)) settings[name] = wanted ?? null;
  }
  return {
    ...(opened.name === draft.name ? {} : { name: draft.name }),
    ...(opened.description === draft.description ? {} : { description: draft.description ?? null }),
    ...(Object.keys(settings).length === 0 ? {} : { settings: settings }),
  };
};

/** Name → value, as a conflict shows them. */
export const namedValues = ({
  name,
  description,
  settings,
}: TypeDraft): Readonly<Record<string, string>> => ({
  name: json(name),
  ...(description === undefined ? {} : { description: json(description) }),
  ...Object.fromEntries(namesOf(settings).map((setting) => [setting, json(settings[setting])])),
});

const namesOf = (...all: readonly Settings[]): readonly (keyof Settings)[] => [
  ...new Set(all.flatMap((settings) => Object.keys(settings) as (keyof Settings)[])),
];

/** A rule for a key of metadata, as a row of a form. */
export interface MetadataRow {
  readonly key: string;
  readonly readable: boolean;
  readonly writable: boolean;
}

export const rowsOfRules = (rules: Settings['metadataKeys']): readonly MetadataRow[] =>
  Object.entries(rules ?? {}).map(([key, { readable = true, writable = true }]) => ({
    key,
    readable,
    writable,
  }));

/** Undefined where there are none: the setting has its default then. */
export const rulesOfRows = (rows: readonly MetadataRow[]): Settings['metadataKeys'] | undefined => {
  const named = rows.filter(({ key }) => key.trim() !== '');
  if (named.length === 0) return undefined;
  return Object.fromEntries(named.map(({ key, readable, writable }) => [key.trim(), { readable, writable }]));
};

/** Keys that stand in more than one row. */
export const repeated = (rows: readonly MetadataRow[]): readonly string[] => {
  const keys = rows.map(({ key }) => key.trim()).filter((key) => key !== '');
  return [...new Set(keys.filter((key, at) => keys.indexOf(key) !== at))];
};
