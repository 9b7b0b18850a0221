import { Button, Group, Stack, Text } from '@mantine/core';
import { PlusIcon } from '@primer/octicons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { api, withEtag } from '../api/client.js';
import { problemOf } from '../api/problem.js';
import { ActButton } from '../shared/act-button.js';
import { ProblemView } from '../shared/problem-view.js';
import { BatchFields } from './batch-fields.js';
import { addedBefore, takesTheRest, type BatchDraft } from './batch-plan.js';
import { PaceFields, TimeFields } from './plan-fields.js';
import { planBody, planOf, type PlanDraft } from './plan.js';
import { PreviewNumbers } from './preview-numbers.js';
import type { Draft } from './steps.js';

/** In which parts, what each must show before the next goes, how fast and when. */
export const BatchesStep = ({ draft }: { readonly draft: Draft }) => {
  const { data: was, etag } = draft;
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [plan, setPlan] = useState<PlanDraft>(() => planOf(was));
  const { batches } = plan;
  const set = (next: Partial<PlanDraft>) => setPlan({ ...plan, ...next });
  const setBatches = (next: readonly BatchDraft[]) => set({ batches: next });
  const save = useMutation({
    mutationFn: () =>
      withEtag(
        api.PATCH('/api/v1/campaigns/{id}', {
          params: { path: { id: was.id }, header: { 'If-Match': etag } },
          body: planBody(plan),
        }),
      ),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['campaign', was.id] });
      void navigate({ to: '/campaigns/$id/edit/$step', params: { id: was.id, step: 'review' } });
    },
  });
  const change = (key: string, next: Partial<BatchDraft>) =>
    setBatches(batches.map((batch) => (batch.key === key ? { ...batch, ...next } : batch)));
  const problem = save.isError ? problemOf(save.error) : undefined;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <Stack gap="sm" maw={900}>
        <PreviewNumbers id={was.id} revision={was.revision} onConflict={was.onConflict} />
        {batches.map((batch, index) => (
          <BatchFields
            key={batch.key}
            number={index + 1}
            batch={batch}
            problem={problem}
            onChange={(next) => change(batch.key, next)}
            {...(batches.length > 1
              ? { onRemove: () => setBatches(batches.filter(({ key }) => key !== batch.key)) }
              : {})}
          />
        ))}
        {!takesTheRest(batches) && (
          <Text className="state-pending">
            The last batch should be 100 %: it takes the rest. Otherwise the launch is refused when devices
            are left over.
          </Text>
        )}
        <Group>
          <Button
            data-narrows
            variant="default"
            leftSection={<PlusIcon size={14} />}
            onClick={() => setBatches(addedBefore(batches))}
          >
            Add a batch
          </Button>
        </Group>
        <PaceFields plan={plan} problem={problem} onChange={set} />
        <TimeFields plan={plan} problem={problem} onChange={set} />
        {problem?.status === 412 ? (
          <Text className="state-bad" role="alert">
            Somebody has edited this draft meanwhile. Load the page anew to see it; what you have written here
            is not saved.
          </Text>
        ) : (
          <ProblemView error={save.error} />
        )}
        <Group justify="flex-end">
          <ActButton needs="campaign" type="submit" loading={save.isPending}>
            Save and review
          </ActButton>
        </Group>
      </Stack>
    </form>
  );
};
