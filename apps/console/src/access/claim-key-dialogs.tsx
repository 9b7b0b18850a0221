import { Group, NumberInput, Select, SimpleGrid, Text, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answered, api } from '../api/client.js';
import { useIdempotencyKey } from '../api/idempotency.js';
import { faultAt, problemOf } from '../api/problem.js';
import { Confirm } from '../shared/confirm-count.js';
import { ShownOnce } from '../shared/shown-once.js';
import { TimeInput } from '../shared/time-input.js';
import type { ClaimKey } from './access.queries.js';
import { enrolledAs, EnrolledAsFields, NOTHING_YET } from './enrolled-as.js';

export const IssueClaimKey = ({ onClose }: { readonly onClose: () => void }) => {
  const queries = useQueryClient();
  const [name, setName] = useState('');
  const [as, setAs] = useState(NOTHING_YET);
  const [via, setVia] = useState<'mqtt' | 'http'>('mqtt');
  const [limit, setLimit] = useState(1);
  const [from, setFrom] = useState<string>();
  const [until, setUntil] = useState<string>();
  const once = useIdempotencyKey();
  const issue = useMutation({
    mutationFn: () =>
      once((key) =>
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
        ),
      ),
    onSettled: () => void queries.invalidateQueries({ queryKey: ['claim-keys'] }),
  });
  if (issue.data !== undefined) {
    return (
      <ShownOnce
        title={`The claim key ${issue.data.name}`}
        secrets={{ 'Claim key': issue.data.claimKey }}
        lost="Delete the key that was made, and issue another."
        onClose={onClose}
      >
        <Text c="dimmed">
          A device sends it with its name to <code>kp1/enrol</code>, over MQTT or HTTP, and is answered with
          all that it needs to come back as itself: docs/credentials.md, “Devices that enrol by themselves”.
        </Text>
      </ShownOnce>
    );
  }
  const problem = issue.isError ? problemOf(issue.error) : undefined;
  return (
    <Confirm
      title="Issue a claim key"
      act="Issue"
      busy={issue.isPending}
      error={issue.error}
      onClose={onClose}
      onConfirm={() => issue.mutate()}
    >
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
    </Confirm>
  );
};

export const EditClaimKey = ({
  claimKey,
  onClose,
}: {
  readonly claimKey: ClaimKey;
  readonly onClose: () => void;
}) => {
  const queries = useQueryClient();
  const [name, setName] = useState(claimKey.name);
  const [limit, setLimit] = useState(claimKey.limit);
  const [from, setFrom] = useState(claimKey.validFrom);
  const [until, setUntil] = useState<string | undefined>(claimKey.validUntil);
  const edit = useMutation({
    mutationFn: () =>
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
      ),
    onSuccess: onClose,
    onSettled: () => void queries.invalidateQueries({ queryKey: ['claim-keys'] }),
  });
  const problem = edit.isError ? problemOf(edit.error) : undefined;
  return (
    <Confirm
      title={`Edit ${claimKey.name}`}
      act="Save"
      busy={edit.isPending}
      error={edit.error}
      onClose={onClose}
      onConfirm={() => edit.mutate()}
    >
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
      <Text c="dimmed">What its devices become stays as it was issued: another one needs another key.</Text>
    </Confirm>
  );
};

const Limit = ({
  limit,
  onChange,
  error,
}: {
  readonly limit: number;
  readonly onChange: (limit: number) => void;
  readonly error: string | undefined;
}) => (
  <NumberInput
    label="So many devices"
    description="Together, in all its time"
    value={limit}
    min={1}
    onChange={(value) => setWhole(value, onChange)}
    error={error}
  />
);

const setWhole = (value: string | number, onChange: (limit: number) => void): void => {
  if (typeof value === 'number') onChange(value);
};

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
  readonly problem: ReturnType<typeof problemOf> | undefined;
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
