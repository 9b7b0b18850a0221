import { Group, Select, SimpleGrid, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { answered, api } from '../api/client.js';
import { faultAt, type Problem } from '../api/problem.js';
import { ActDialog } from '../shared/act-dialog.js';
import { NumberField } from '../shared/number-field.js';
import { ShownOnce } from '../shared/shown-once.js';
import { TimeInput } from '../shared/time-input.js';
import type { ClaimKey } from './access.queries.js';
import { enrolledAs, EnrolledAsFields, NOTHING_YET } from './enrolled-as.js';

export const IssueClaimKey = ({ onClose }: { readonly onClose: () => void }) => {
  const [name, setName] = useState('');
  const [as, setAs] = useState(NOTHING_YET);
  const [via, setVia] = useState<'mqtt' | 'http'>('mqtt');
  const [limit, setLimit] = useState<number | undefined>(1);
  const [from, setFrom] = useState<string>();
  const [until, setUntil] = useState<string>();
  return (
    <ActDialog
      title="Issue a claim key"
      act="Issue"
      refreshes={['claim-keys']}
      run={(key) =>
        answered(
          api.POST('/api/v1/claim-keys', {
            params: { header: { 'Idempotency-Key': key } },
            body: {
              name,
              ...enrolledAs(as),
              interface: via,
              limit,
              ...(from === undefined ? {} : { validFrom: from }),
              ...(until === undefined ? {} : { validUntil: until }),
            },
          }),
        )
      }
      answer={({ name: given, claimKey }) => (
        <ShownOnce
          title={`The claim key ${given}`}
          secrets={{ 'Claim key': claimKey }}
          lost="Delete the key that was made, and issue another."
          onClose={onClose}
        >
          <Text c="dimmed">
            A device sends it with its name to <code>kp1/enrol</code>, over MQTT or HTTP, and is answered with
            all that it needs to come back as itself: docs/credentials.md, “Devices that enrol by themselves”.
          </Text>
        </ShownOnce>
      )}
      onClose={onClose}
    >
      {(problem) => (
        <>
          <TextInput
            data-autofocus
            required
            label="Name"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={faultAt(problem, 'name')}
          />
          <EnrolledAsFields value={as} onChange={setAs} problem={problem} />
          <Group grow align="start">
            <Select
              label="Devices speak"
              description="MQTT: they get a password. HTTP: a secret."
              data={[
                { value: 'mqtt', label: 'MQTT' },
                { value: 'http', label: 'HTTP' },
              ]}
              value={via}
              allowDeselect={false}
              onChange={(value) => setVia(value === 'http' ? 'http' : 'mqtt')}
              error={faultAt(problem, 'interface')}
            />
            <Limit limit={limit} onChange={setLimit} error={faultAt(problem, 'limit')} />
          </Group>
          <Times
            from={from}
            until={until}
            untilEmpty="a day from now"
            onFrom={setFrom}
            onUntil={setUntil}
            problem={problem}
          />
        </>
      )}
    </ActDialog>
  );
};

export const EditClaimKey = ({
  claimKey,
  onClose,
}: {
  readonly claimKey: ClaimKey;
  readonly onClose: () => void;
}) => {
  const [name, setName] = useState(claimKey.name);
  const [limit, setLimit] = useState<number | undefined>(claimKey.limit);
  const [from, setFrom] = useState(claimKey.validFrom);
  const [until, setUntil] = useState<string | undefined>(claimKey.validUntil);
  return (
    <ActDialog
      title={`Edit ${claimKey.name}`}
      act="Save"
      refreshes={['claim-keys']}
      run={() =>
        answered(
          api.PATCH('/api/v1/claim-keys/{id}', {
            params: { path: { id: claimKey.id } },
            // Only what was changed: a device that enrols meanwhile raises the version, and is no reason to refuse.
            body: {
              ...(name === claimKey.name ? {} : { name }),
              ...(limit === claimKey.limit ? {} : { limit }),
              ...(from === claimKey.validFrom ? {} : { validFrom: from ?? null }),
              ...(until === undefined || until === claimKey.validUntil ? {} : { validUntil: until }),
            },
          }),
        )
      }
      onClose={onClose}
    >
      {(problem) => (
        <>
          <TextInput
            required
            label="Name"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={faultAt(problem, 'name')}
          />
          <Limit limit={limit} onChange={setLimit} error={faultAt(problem, 'limit')} />
          <Times
            from={from}
            until={until}
            untilEmpty="as it is"
            onFrom={setFrom}
            onUntil={setUntil}
            problem={problem}
          />
          <Text c="dimmed">
            What its devices become stays as it was issued: another one needs another key.
          </Text>
        </>
      )}
    </ActDialog>
  );
};

const Limit = ({
  limit,
  onChange,
  error,
}: {
  readonly limit: number | undefined;
  readonly onChange: (limit: number | undefined) => void;
  readonly error: string | undefined;
}) => (
  <NumberField
    label="So many devices"
    description="Together, in all its time"
    required
    value={limit}
    min={1}
    onChange={onChange}
    fault={error}
    width="100%"
  />
);

const Times = ({
  from,
  until,
  untilEmpty,
  onFrom,
  onUntil,
  problem,
}: {
  readonly from: string | undefined;
  readonly until: string | undefined;
  readonly untilEmpty: string;
  readonly onFrom: (at: string | undefined) => void;
  readonly onUntil: (at: string | undefined) => void;
  readonly problem: Problem | undefined;
}) => (
  <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm">
    <TimeInput
      label="From"
      description="Empty: at once"
      at={from}
      onChange={onFrom}
      error={faultAt(problem, 'validFrom')}
    />
    <TimeInput
      label="Until"
      description={`Empty: ${untilEmpty}`}
      at={until}
      onChange={onUntil}
      error={faultAt(problem, 'validUntil')}
    />
  </SimpleGrid>
);
