import type { Schema } from '../api/client.js';
import { NEW_RULE, ruleOf, type RuleDraft } from '../access/enrolment-rule.js';
import { changedOnly } from '../shared/changed-only.js';
import { json } from '../shared/format.js';
import type { Hub } from './iot-hubs.queries.js';

export type Authentication = NonNullable<Schema<'HubEnrolment'>['authentication']>[number];

/** What Azure takes where nothing is said. */
const CERTIFICATES: readonly Authentication[] = ['certificateAuthority', 'selfSigned'];

/** What is said of a hub, as it is being written. */
export interface HubDraft {
  readonly name: string;
  /** Empty: as it is; it is never shown. */
  readonly connectionString: string;
  readonly consumerGroup: string;
  readonly tier: Hub['tier'];
  readonly units: number | undefined;
  /** Names. Empty: all that no other hub names. */
  readonly deviceTypes: readonly string[];
  readonly isRuled: boolean;
  readonly rule: RuleDraft;
  readonly authentication: readonly Authentication[];
}

export const NEW_HUB: HubDraft = {
  name: '',
  connectionString: '',
  consumerGroup: '$Default',
  tier: 'S1',
  units: 1,
  deviceTypes: [],
  isRuled: false,
  rule: NEW_RULE,
  authentication: CERTIFICATES,
};

/** Device types are named by `nameOf`: a hub has their ids. */
export const draftOf = (hub: Hub, nameOf: (typeId: string) => string): HubDraft => ({
  ...{ name: hub.name, connectionString: '', consumerGroup: hub.consumerGroup },
  ...{ tier: hub.tier, units: hub.units },
  deviceTypes: hub.deviceTypes.map(nameOf),
  isRuled: hub.enrolment !== undefined,
  rule:
    hub.enrolment === undefined
      ? NEW_RULE
      : { ...NEW_RULE, ...hub.enrolment, deviceType: nameOf(hub.enrolment.deviceType) },
  authentication: hub.enrolment?.authentication ?? CERTIFICATES,
});

/** As the API takes it. */
export const inputOf = ({
  name,
  connectionString,
  consumerGroup,
  tier,
  units,
  deviceTypes,
  isRuled,
  rule,
  authentication,
}: HubDraft) => ({
  ...{ name, connectionString, consumerGroup, tier, deviceTypes: [...deviceTypes] },
  ...(units === undefined ? {} : { units }),
  enrolment: isRuled ? { ...ruleOf(rule), authentication: [...authentication] } : null,
});

/** Only what differs: a connection string that was not typed is not sent. */
export const editOf = (before: HubDraft, draft: HubDraft) => changedOnly(inputOf(draft), inputOf(before));

/** Field → as it is shown beside what somebody else has set. A key is shown to nobody. */
export const namedFields = (draft: HubDraft): Readonly<Record<string, string>> => {
  const { connectionString, ...shown } = inputOf(draft);
  return {
    ...Object.fromEntries(Object.entries(shown).map(([name, value]) => [name, json(value)])),
    ...(connectionString === '' ? {} : { connectionString: 'another one' }),
  };
};
