import { FileInput, Group, Stack, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { type Schema } from '../api/client.js';
import { useIdempotencyKey } from '../api/idempotency.js';
import { useLive } from '../api/live.js';
import { useJob } from '../jobs/use-job.js';
import { ActButton, useRefusal } from '../shared/act-button.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { Confirm, TYPE_ABOVE } from '../shared/confirm-count.js';
import { count } from '../shared/format.js';
import { ProblemView } from '../shared/problem-view.js';
import { Sending } from '../shared/sending.js';
import { StateMark } from '../shared/state-mark.js';
import { ColumnHelp } from './columns.js';
import { ImportBar } from './import-bar.js';
import { importQuery } from './imports.queries.js';
import { mediaTypeOf, sendFile } from './send-file.js';

/**
 * A file is tried first, and what would become of its rows is shown; then the same file is imported. What was chosen is in
 * this page only: a browser hands out no file by its address.
 */
export const StartImport = () => {
  const [file, setFile] = useState<File | null>(null);
  const [sent, setSent] = useState(0);
  const once = useIdempotencyKey(file);
  const queries = useQueryClient();
  const refusal = useRefusal('device');
  const attempt = useMutation({
    mutationFn: (chosen: File) => once((key) => sendFile(chosen, { dryRun: true, key, onSent: setSent })),
    onMutate: () => setSent(0),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ['imports', 'list'] }),
  });
  const choose = (chosen: File | null) => {
    setFile(chosen);
    attempt.reset();
  };
  const unknown = file !== null && mediaTypeOf(file.name) === undefined;
  return (
    <Stack gap="sm" className="card">
      <Group align="end" gap="xs">
        <FileInput
          label="File of devices"
          placeholder="CSV or NDJSON"
          accept=".csv,.ndjson,.jsonl"
          value={file}
          onChange={choose}
          disabled={refusal !== undefined}
          title={refusal}
          clearable
          className="grow"
          maw={420}
          error={unknown ? 'Its name must end with .csv, .ndjson or .jsonl.' : undefined}
          clearButtonProps={{ 'aria-label': 'Take the file away' }}
        />
        <ActButton
          needs="device"
          variant={attempt.data === undefined ? 'filled' : 'default'}
          disabled={file === null || unknown}
          loading={attempt.isPending}
          onClick={() => file !== null && attempt.mutate(file)}
        >
          Try it first
        </ActButton>
      </Group>
      {attempt.isPending && file !== null && <Sending file={file} share={sent} />}
      <ProblemView error={attempt.error} />
      {attempt.data !== undefined && file !== null && (
        <Tried key={attempt.data} id={attempt.data} file={file} />
      )}
      <ColumnHelp />
    </Stack>
  );
};

const AGAIN_MS = 2_000;

/** What the dry run has found, and the way on. */
const Tried = ({ id, file }: { readonly id: string; readonly file: File }) => {
  const { job, isOver: hasEnded } = useJob(id);
  const tried = useQuery({
    ...importQuery(id),
    refetchInterval: ({ state }) => (state.data?.waiting === 0 ? false : AGAIN_MS),
  });
  useLive(
    'jobs',
    [
      ['jobs', id],
      ['imports', 'one', id],
    ],
    ({ data }) => data['jobId'] === id,
  );
  const [asking, setAsking] = useState(false);
  const view = tried.data;
  const isOver = hasEnded && view?.waiting === 0;
  return (
    <Stack gap="xs">
      <Group gap="xs">
        <StateMark state="dry_run" />
        <Text>
          {isOver ? 'Nothing was done yet. This would come of it:' : 'Looking at each row; nothing is done …'}
        </Text>
      </Group>
      {view !== undefined && <ImportBar view={view} />}
      <ProblemView error={tried.error} />
      {job?.reason !== undefined && <Text c="dimmed">{job.reason.detail}</Text>}
      <Group gap="xs">
        <AnchorLink to="/imports/$id" params={{ id }}>
          Row by row
        </AnchorLink>
        {view !== undefined && view.failed > 0 && (
          <AnchorLink to="/imports/$id" params={{ id }} search={{ outcome: 'failed' }}>
            Why {count(view.failed)} would fail
          </AnchorLink>
        )}
        <ActButton needs="device" disabled={!isOver} onClick={() => setAsking(true)}>
          Import …
        </ActButton>
      </Group>
      {asking && view !== undefined && <Import view={view} file={file} onClose={() => setAsking(false)} />}
    </Stack>
  );
};

const Import = ({
  view,
  file,
  onClose,
}: {
  readonly view: Schema<'ImportView'>;
  readonly file: File;
  readonly onClose: () => void;
}) => {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const once = useIdempotencyKey();
  const [sent, setSent] = useState(0);
  const start = useMutation({
    mutationFn: () => once((key) => sendFile(file, { dryRun: false, key, onSent: setSent })),
    onMutate: () => setSent(0),
    onSuccess: (id) => {
      void queries.invalidateQueries({ queryKey: ['imports', 'list'] });
      void navigate({ to: '/imports/$id', params: { id } });
    },
  });
  const reached = view.created + view.updated;
  return (
    <Confirm
      title={`Import ${file.name}`}
      act={`Import ${count(view.rows)} rows`}
      {...(reached > TYPE_ABOVE ? { toType: String(reached) } : {})}
      busy={start.isPending}
      error={start.error}
      onClose={onClose}
      onConfirm={() => start.mutate()}
    >
      <Text>
        <b>
          {count(reached)} {reached === 1 ? 'device' : 'devices'}
        </b>
        : {count(view.created)} created, {count(view.updated)} changed. {count(view.unchanged)} stay as they
        are, {count(view.failed)} rows fail.
      </Text>
      <Text c="dimmed">
        This is how it was when it was tried. It has no undo: devices that were changed keep what the file
        says, and those that were created are deleted one by one or with the list.
      </Text>
      {start.isPending && <Sending file={file} share={sent} />}
    </Confirm>
  );
};
