import { Checkbox, Radio, Stack, Text, TextInput } from '@mantine/core';
import { Dialog } from '../shared/dialog.js';
import { useState } from 'react';
import { answered, api } from '../api/client.js';
import { isOpen, problemOf } from '../api/problem.js';
import { Confirm } from '../shared/confirm-count.js';
import { NumberField } from '../shared/number-field.js';
import { ProblemView } from '../shared/problem-view.js';
import type { Campaign } from './campaigns.queries.js';

export const ProblemModal = ({
  error,
  onClose,
}: {
  readonly error: unknown;
  readonly onClose: () => void;
}) => (
  <Dialog onClose={onClose} title={isOpen(problemOf(error)) ? 'No answer came' : 'It was not done'}>
    <ProblemView error={error} ofAct />
  </Dialog>
);

export const CancelDialog = ({
  id,
  busy,
  error,
  onClose,
  onRun,
}: {
  readonly id: string;
  readonly busy: boolean;
  readonly error: unknown;
  readonly onClose: () => void;
  readonly onRun: (run: () => Promise<unknown>) => void;
}) => {
  const [mode, setMode] = useState<'soft' | 'force'>('soft');
  return (
    <Confirm
      title="Cancel the campaign"
      act="Cancel the campaign"
      danger
      {...(mode === 'force' ? { toType: 'force' } : {})}
      busy={busy}
      error={error}
      onClose={onClose}
      onConfirm={() =>
        onRun(() =>
          answered(api.POST('/api/v1/campaigns/{id}/cancel', { params: { path: { id } }, body: { mode } })),
        )
      }
    >
      <Radio.Group
        label="Devices that have the document and have not answered"
        value={mode}
        onChange={(value) => setMode(value === 'force' ? 'force' : 'soft')}
      >
        <Stack gap={6} mt={6}>
          <Radio value="soft" label="are waited for (soft)" />
          <Radio value="force" label="are given up too (force)" />
        </Stack>
      </Radio.Group>
      <Text>
        Nothing more is written, for good. Values that were written stay, and a device that is away still gets
        them. To take them back, give the devices back what they had afterwards.
      </Text>
    </Confirm>
  );
};

export const ReasonDialog = ({
  busy,
  error,
  onClose,
  onReason,
}: {
  readonly busy: boolean;
  readonly error: unknown;
  readonly onClose: () => void;
  readonly onReason: (reason: string) => void;
}) => {
  const [reason, setReason] = useState('');
  return (
    <Confirm
      title="Wait for no more devices"
      act="End the wait"
      busy={busy}
      error={error}
      onClose={onClose}
      onConfirm={() => onReason(reason)}
    >
      <Text>
        Devices that have not answered count as timed out. Nothing is taken back: who comes after all still
        gets it.
      </Text>
      <TextInput
        data-autofocus
        required
        label="Why"
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
    </Confirm>
  );
};

export const RateDialog = ({
  campaign,
  busy,
  error,
  onClose,
  onRate,
}: {
  readonly campaign: Campaign;
  readonly busy: boolean;
  readonly error: unknown;
  readonly onClose: () => void;
  readonly onRate: (ratePerMinute: number, maxInFlight: number | null) => void;
}) => {
  const [rate, setRate] = useState<number | undefined>(campaign.ratePerMinute);
  const [limited, setLimited] = useState(campaign.maxInFlight !== undefined);
  const [inFlight, setInFlight] = useState<number | undefined>(campaign.maxInFlight ?? 100);
  return (
    <Confirm
      title="Change the rate"
      act="Change"
      busy={busy}
      error={error}
      onClose={onClose}
      onConfirm={() => {
        if (rate !== undefined && (!limited || inFlight !== undefined))
          onRate(rate, limited ? (inFlight ?? null) : null);
      }}
    >
      <NumberField label="Devices a minute" required min={1} value={rate} onChange={setRate} />
      <Checkbox
        label="At most so many that have it and have not answered"
        checked={limited}
        onChange={(event) => setLimited(event.currentTarget.checked)}
      />
      {limited && (
        <NumberField label="Devices in flight" required min={1} value={inFlight} onChange={setInFlight} />
      )}
    </Confirm>
  );
};
