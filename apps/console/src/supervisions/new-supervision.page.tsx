import { Button, Checkbox, Group, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api } from '../api/client.js';
import { useIdempotencyKey } from '../api/idempotency.js';
import { faultAt, problemOf } from '../api/problem.js';
import { targetDraftOf, targetIn } from '../campaigns/target-draft.js';
import { TargetFields } from '../campaigns/target-fields.js';
import { ActButton } from '../shared/act-button.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { AskBeforeLeaving } from '../shared/ask-before-leaving.js';
import { sameJson } from '../shared/same-json.js';
import { JsonInput } from '../shared/json-input.js';
import { mapIn } from '../shared/json-map.js';
import { PageHeader } from '../shared/page.js';
import { ProblemView } from '../shared/problem-view.js';

/** Watches devices without a campaign: nothing is written, nothing is sent. */
export const NewSupervisionPage = () => {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [name, setName] = useState('');
  const [devices, setDevices] = useState(() => targetDraftOf(undefined));
  const [desired, setDesired] = useState('');
  const [expected, setExpected] = useState('');
  const [stated, setStated] = useState(false);
  const once = useIdempotencyKey();
  const target = targetIn(devices);
  const configurations = mapIn(desired);
  const expectedStates = mapIn(expected);
  const keys = Object.keys({ ...configurations.map, ...expectedStates.map }).length;
  const open = useMutation({
    mutationFn: () => {
      if (target === undefined) throw new Error('The devices are not finished.');
      return once((key) =>
        answered(
          api.POST('/api/v1/supervisions', {
            params: { header: { 'Idempotency-Key': key } },
            body: {
              name,
              target,
              configurations: configurations.map ?? {},
              expectedStates: expectedStates.map ?? {},
              expectedFrom: stated ? 'stated' : 'any',
            },
          }),
        ),
      );
    },
    onSuccess: ({ id }) => {
      void queries.invalidateQueries({ queryKey: ['supervisions'] });
      void navigate({ to: '/supervisions/$id', params: { id }, ignoreBlocker: true });
    },
  });
  const typed = [name, devices, desired, expected, stated];
  const [first] = useState(typed);
  const problem = open.isError ? problemOf(open.error) : undefined;
  const ready =
    name.trim() !== '' &&
    target !== undefined &&
    keys > 0 &&
    configurations.fault === undefined &&
    expectedStates.fault === undefined;
  return (
    <div className="page">
      <PageHeader
        title="Watch devices"
        above={
          <AnchorLink to="/supervisions" c="dimmed">
            Supervisions
          </AnchorLink>
        }
      />
      <form
        onSubmit={(event) => {
          event.preventDefault();
          open.mutate();
        }}
      >
        <Stack gap="md" maw={820}>
          <Text c="dimmed">
            A supervision says which devices are as they should be. It writes nothing and sends nothing.
          </Text>
          <TextInput
            required
            label="Name"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={faultAt(problem, 'name')}
          />
          <TargetFields
            draft={devices}
            label="Devices to watch"
            problem={problem}
            onChange={(next) => setDevices((before) => ({ ...before, ...next }))}
          />
          <JsonInput
            label="Desired values that must stay, as an object of key and value (may be left empty)"
            text={desired}
            onChange={setDesired}
            fault={configurations.fault ?? faultAt(problem, 'configurations')}
          />
          <JsonInput
            label="What devices must report (may be left empty: then every desired value)"
            text={expected}
            onChange={setExpected}
            fault={expectedStates.fault ?? faultAt(problem, 'expectedStates')}
          />
          <Checkbox
            label="Only what a device states itself counts; that it has applied is not enough"
            checked={stated}
            onChange={(event) => setStated(event.currentTarget.checked)}
          />
          <ProblemView error={open.error} />
          <AskBeforeLeaving unsaved={!sameJson(typed, first)} />
          <Group justify="flex-end">
            <Button variant="default" onClick={() => void navigate({ to: '/supervisions' })}>
              Back
            </Button>
            <ActButton needs="supervision" type="submit" disabled={!ready} loading={open.isPending}>
              Watch them
            </ActButton>
          </Group>
        </Stack>
      </form>
    </div>
  );
};
