import { Button, Group, Stack, Text } from '@mantine/core';
import { PlusIcon } from '@primer/octicons-react';
import { useState } from 'react';
import { ActButton } from '../shared/act-button.js';
import { AskBeforeLeaving } from '../shared/ask-before-leaving.js';
import { sameJson } from '../shared/same-json.js';
import { BatchFields } from './batch-fields.js';
import { addedBefore, takesTheRest, type BatchDraft } from './batch-plan.js';
import { PaceFields, TimeFields } from './plan-fields.js';
import { planBody, planOf, type PlanDraft } from './plan.js';
import { PreviewNumbers } from './preview-numbers.js';
import { DraftStanding, saveText } from './draft-standing.js';
import { useSaveDraft } from './save-draft.js';
import type { StepProps } from './steps.js';

/** In which parts, what each must show before the next goes, how fast and when. */
export const BatchesStep = ({ draft, onUnsaved }: StepProps) => {
  const { data: was } = draft;
  const [plan, setPlan] = useState<PlanDraft>(() => planOf(was));
  const { batches } = plan;
  const set = (next: Partial<PlanDraft>) => setPlan({ ...plan, ...next });
  const setBatches = (next: readonly BatchDraft[]) => set({ batches: next });
  const [first] = useState(plan);
  const { save, busy, theirs, isGone, error, problem } = useSaveDraft({
    opened: draft,
    before: planBody(first),
    next: 'review',
  });
  const change = (key: string, next: Partial<BatchDraft>) =>
    setBatches(batches.map((batch) => (batch.key === key ? { ...batch, ...next } : batch)));
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save(planBody(plan));
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
        <DraftStanding isChanged={theirs !== undefined} isGone={isGone} error={error} />
        <AskBeforeLeaving unsaved={!sameJson(plan, first)} onUnsaved={onUnsaved} />
        <Group justify="flex-end">
          <ActButton needs="campaign" type="submit" loading={busy}>
            {saveText({ isGone, isChanged: theirs !== undefined }, 'Save and review')}
          </ActButton>
        </Group>
      </Stack>
    </form>
  );
};
