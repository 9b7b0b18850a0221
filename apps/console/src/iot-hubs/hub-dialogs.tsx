import { Checkbox, Group, MultiSelect, PasswordInput, Select, Text, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { EnrolmentRuleFields } from '../access/enrolment-rule.js';
import { answered, api, withEtag } from '../api/client.js';
import { faultAt, type Problem } from '../api/problem.js';
import { deviceTypesQuery } from '../devices/devices.queries.js';
import { ActDialog } from '../shared/act-dialog.js';
import { Conflict } from '../shared/conflict.js';
import { conflictRows } from '../shared/conflict-rows.js';
import { EditDialog } from '../shared/edit-dialog.js';
import { NumberField } from '../shared/number-field.js';
import { CopyText } from '../shared/shown-once.js';
import { useEdit, type Versioned } from '../shared/use-edit.js';
import {
  draftOf,
  editOf,
  inputOf,
  namedFields,
  NEW_HUB,
  type Authentication,
  type HubDraft,
} from './hub-draft.js';
import { hubQuery, type Hub } from './iot-hubs.queries.js';

const AUTHENTICATIONS: Readonly<Record<Authentication, string>> = {
  certificateAuthority: 'a certificate of an authority that the hub knows',
  selfSigned: 'a certificate that is pinned for it, as the provisioning service does',
  sas: 'a key',
};
const TIERS: readonly Hub['tier'][] = ['F1', 'S1', 'S2', 'S3'];

/** What makes a hub ready, where `$HUB` is its name. */
const COMMANDS = [
  'az iot hub policy create --hub-name $HUB --name muster --permissions RegistryRead RegistryWrite ServiceConnect',
  'az iot hub consumer-group create --hub-name $HUB --name muster',
  'for SOURCE in DeviceMessages TwinChangeEvents DeviceLifecycleEvents DeviceConnectionStateEvents; do',
  '  az iot hub message-route create --hub-name $HUB --route-name muster-$SOURCE --source-type $SOURCE --endpoint-name events --enabled true',
  'done',
  'az iot hub connection-string show --hub-name $HUB --policy-name muster --query connectionString --output tsv',
].join('\n');

/** Ids of device types ↔ their names; of one that is not known its id. */
export const useTypeNames = () => {
  const types = useQuery(deviceTypesQuery).data?.items ?? [];
  return {
    names: types.map(({ name }) => name),
    nameOf: (typeId: string): string => types.find(({ id }) => id === typeId)?.name ?? typeId,
  };
};

export const AddHub = ({
  onClose,
  onAdded,
}: {
  readonly onClose: () => void;
  readonly onAdded: (hub: Hub) => void;
}) => {
  const [draft, setDraft] = useState(NEW_HUB);
  return (
    <ActDialog
      title="Add an IoT Hub"
      act="Try it out and add it"
      refreshes={['iot-hubs']}
      run={(key) =>
        answered(
          api.POST('/api/v1/iot-hubs', {
            params: { header: { 'Idempotency-Key': key } },
            body: inputOf(draft),
          }),
        )
      }
      onDone={onAdded}
      onClose={onClose}
    >
      {(problem) => (
        <>
          <HubFields draft={draft} onChange={setDraft} problem={problem} isNew />
          <details>
            <summary>What the hub needs first</summary>
            <Text my={6}>
              A policy, a group to read in, and four routes: without these nobody here learns what devices
              report. With Azure’s command line:
            </Text>
            <CopyText label="Commands" text={COMMANDS} />
          </details>
        </>
      )}
    </ActDialog>
  );
};

/** Upon what was looked at: another key is tried out first, and what does not work changes nothing. */
export const EditHub = ({
  opened,
  nameOf,
  onClose,
}: {
  readonly opened: Versioned<Hub>;
  readonly nameOf: (typeId: string) => string;
  readonly onClose: () => void;
}) => {
  const { id, name, enrolment } = opened.data;
  const queries = useQueryClient();
  const [before] = useState(() => draftOf(opened.data, nameOf));
  const [draft, setDraft] = useState(before);
  const { save, busy, theirs, error, problem } = useEdit({
    opened,
    now: () => queries.query({ ...hubQuery(id), staleTime: 0 }),
    send: (edit: ReturnType<typeof editOf>, { etag }) =>
      withEtag(
        api.PATCH('/api/v1/iot-hubs/{id}', {
          params: { path: { id }, header: { 'If-Match': etag } },
          body: edit,
        }),
      ),
    onSaved: () => {
      void queries.invalidateQueries({ queryKey: ['iot-hubs'] });
      onClose();
    },
  });
  const edit = editOf(before, draft);
  return (
    <EditDialog
      title={`Edit ${name}`}
      isReady={Object.keys(edit).length > 0}
      busy={busy}
      error={error}
      conflict={
        theirs === undefined ? undefined : (
          <Conflict
            thing="Field"
            rows={conflictRows(namedFields(before), namedFields(draftOf(theirs, nameOf)), namedFields(draft))}
          />
        )
      }
      onSave={() => save(edit)}
      onClose={onClose}
    >
      <HubFields draft={draft} onChange={setDraft} problem={problem} />
      <EnrolmentRuleFields
        label="Devices that others make in the hub become devices here"
        on="They are taken now"
        isThere={draft.isRuled}
        onThere={(isRuled) => setDraft({ ...draft, isRuled })}
        rule={draft.rule}
        onChange={(rule) => setDraft({ ...draft, rule })}
        enrolled={enrolment?.enrolled}
        problem={problem}
      >
        <Checkbox.Group
          label="Those that the hub lets in by"
          value={[...draft.authentication]}
          onChange={(authentication) => setDraft({ ...draft, authentication })}
          error={faultAt(problem, 'enrolment.authentication')}
        >
          {(Object.keys(AUTHENTICATIONS) as Authentication[]).map((value) => (
            <Checkbox key={value} mt={6} value={value} label={AUTHENTICATIONS[value]} />
          ))}
        </Checkbox.Group>
      </EnrolmentRuleFields>
    </EditDialog>
  );
};

const HubFields = ({
  draft,
  onChange,
  problem,
  isNew = false,
}: {
  readonly draft: HubDraft;
  readonly onChange: (draft: HubDraft) => void;
  readonly problem: Problem | undefined;
  readonly isNew?: boolean;
}) => {
  const { names } = useTypeNames();
  return (
    <>
      <TextInput
        data-autofocus
        required
        label="Name"
        description="Letters, digits, _ and -"
        value={draft.name}
        onChange={(event) => onChange({ ...draft, name: event.currentTarget.value })}
        error={faultAt(problem, 'name')}
      />
      <PasswordInput
        required={isNew}
        label="Connection string of its policy"
        description={
          isNew
            ? 'HostName=…;SharedAccessKeyName=…;SharedAccessKey=…, never shown again'
            : 'Only where its key is another one; of the same hub. Empty: as it is'
        }
        value={draft.connectionString}
        onChange={(event) => onChange({ ...draft, connectionString: event.currentTarget.value })}
        error={faultAt(problem, 'connectionString')}
        autoComplete="off"
        visibilityToggleButtonProps={{ 'aria-label': 'Show the connection string' }}
      />
      <Group grow align="start">
        <TextInput
          label="Consumer group"
          description="In which nobody else reads"
          value={draft.consumerGroup}
          onChange={(event) => onChange({ ...draft, consumerGroup: event.currentTarget.value })}
          error={faultAt(problem, 'consumerGroup')}
        />
        <Select
          label="Tier"
          description="How often it may be asked"
          data={TIERS}
          value={draft.tier}
          allowDeselect={false}
          onChange={(tier) => tier !== null && onChange({ ...draft, tier })}
          error={faultAt(problem, 'tier')}
        />
        <NumberField
          label="Units"
          value={draft.units}
          min={1}
          onChange={(units) => onChange({ ...draft, units })}
          fault={faultAt(problem, 'units')}
          width="100%"
        />
      </Group>
      <MultiSelect
        searchable
        label="Device types whose devices are in it"
        description="Empty: all that no other hub names"
        data={[...new Set([...names, ...draft.deviceTypes])]}
        value={[...draft.deviceTypes]}
        onChange={(deviceTypes) => onChange({ ...draft, deviceTypes })}
        error={faultAt(problem, 'deviceTypes')}
        nothingFoundMessage="No such type"
      />
    </>
  );
};
