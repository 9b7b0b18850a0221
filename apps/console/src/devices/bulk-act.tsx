import { Button, Checkbox, Group, Stack, TagsInput, Text, TextInput } from '@mantine/core';
import { Dialog } from '../shared/dialog.js';
import { useMutation } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { useIdempotencyKey } from '../api/idempotency.js';
import { JobProgress } from '../jobs/job-progress.js';
import { Confirm, TYPE_ABOVE, TypeSplit } from '../shared/confirm-count.js';
import { count, json } from '../shared/format.js';
import { JsonInput, readJson } from '../shared/json-input.js';
import { ProblemView } from '../shared/problem-view.js';
import { Value } from '../shared/value.js';

export type Act = 'configure' | 'command' | 'tags' | 'folder' | 'metadata' | 'delete';

type Target = Schema<'BulkTarget'>;
type Preview = Schema<'TargetPreview'>;
type JsonMap = Readonly<Record<string, Schema<'JsonValue'>>>;

/** A bulk act that is ready to be asked about: `send` with a preview, then for good. */
interface Prepared {
  readonly title: string;
  /** What is done to each device, word by word. */
  readonly does: ReactNode;
  readonly button: string;
  readonly undo: string;
  readonly danger?: boolean;
  readonly preview: () => Promise<Preview>;
  readonly start: (expectedCount: number, key: string) => Promise<{ readonly jobId: string }>;
}

/**
 * One bulk act from its form over the preview to its job: what is meant is shown with its number, and the same number is
 * sent along, so that nothing happens when more devices match by then.
 */
export const BulkAct = ({
  act,
  target,
  onClose,
}: {
  readonly act: Act;
  readonly target: Target;
  readonly onClose: (done: boolean) => void;
}) => {
  const [prepared, setPrepared] = useState<Prepared>();
  const once = useIdempotencyKey(prepared);
  const look = useMutation({ mutationFn: (next: Prepared) => next.preview() });
  const start = useMutation({
    mutationFn: ({ act: chosen, expected }: { readonly act: Prepared; readonly expected: number }) =>
      once((key) => chosen.start(expected, key)),
  });
  const ready = (next: Prepared) => {
    look.mutate(next, { onSuccess: () => setPrepared(next) });
  };

  if (start.data !== undefined && prepared !== undefined) {
    return (
      <Dialog onClose={() => onClose(true)} title={prepared.title} size="lg">
        <Stack gap="sm">
          <JobProgress id={start.data.jobId} label={prepared.title} />
          <Text c="dimmed">It goes on when this is closed, and is in the list of jobs.</Text>
          <Group justify="flex-end">
            <Button onClick={() => onClose(true)}>Close</Button>
          </Group>
        </Stack>
      </Dialog>
    );
  }
  const [title, ActForm] = FORMS[act];
  const isAsking = prepared !== undefined && look.data !== undefined;
  return (
    <>
      {/* It stays behind the question, with what was typed: "Back" goes back to it. */}
      <Dialog opened={!isAsking} keepMounted onClose={() => onClose(false)} title={title} size="lg">
        <ActForm
          target={target}
          onReady={ready}
          foot={
            <>
              <ProblemView error={look.error} />
              <Group justify="flex-end">
                <Button type="submit" loading={look.isPending}>
                  Look first
                </Button>
              </Group>
            </>
          }
        />
      </Dialog>
      {isAsking && (
        <Question
          prepared={prepared}
          preview={look.data}
          busy={start.isPending}
          error={start.error}
          onConfirm={() => start.mutate({ act: prepared, expected: look.data.matched })}
          onBack={() => {
            setPrepared(undefined);
            start.reset();
          }}
        />
      )}
    </>
  );
};

/** What would be done to how many, before it is. */
const Question = ({
  prepared: { title, does, button, undo, danger = false },
  preview: { matched, byDeviceType, sample, missing = [] },
  busy,
  error,
  onConfirm,
  onBack,
}: {
  readonly prepared: Prepared;
  readonly preview: Preview;
  readonly busy: boolean;
  readonly error: unknown;
  readonly onConfirm: () => void;
  readonly onBack: () => void;
}) => (
  <Confirm
    title={title}
    act={`${button} ${count(matched)}`}
    danger={danger}
    {...(matched > TYPE_ABOVE || danger ? { toType: String(matched) } : {})}
    gone={matched === 0 ? 'There is no such device: nothing would be done.' : undefined}
    busy={busy}
    error={error}
    onConfirm={onConfirm}
    onClose={onBack}
  >
    <Text className="anywhere">
      <b>
        {count(matched)} {matched === 1 ? 'device' : 'devices'}
      </b>
      {sample.length > 0 &&
        `: ${sample
          .slice(0, 5)
          .map(({ name }) => name)
          .join(', ')}`}
      {matched > 5 && ' …'}
    </Text>
    <TypeSplit byDeviceType={byDeviceType} />
    {missing.length > 0 && <Text>{count(missing.length)} of them are not there any more.</Text>}
    <div className="card anywhere">{does}</div>
    <Text c="dimmed">{undo}</Text>
  </Confirm>
);

interface FormProps {
  readonly target: Target;
  readonly onReady: (prepared: Prepared) => void;
  readonly foot: ReactNode;
}

const Form = ({ onSubmit, children }: { readonly onSubmit: () => void; readonly children: ReactNode }) => (
  <form
    onSubmit={(event) => {
      event.preventDefault();
      onSubmit();
    }}
  >
    <Stack gap="sm">{children}</Stack>
  </form>
);

const ConfigureForm = ({ target, onReady, foot }: FormProps) => {
  const [text, setText] = useState('{\n  \n}');
  const [fault, setFault] = useState<string>();
  const submit = () => {
    const read = readJson(text);
    if ('fault' in read) {
      setFault(read.fault);
      return;
    }
    if (!isMap(read.value) || Object.keys(read.value).length === 0) {
      setFault('Write an object: {"key": value}. null takes the device’s own value away.');
      return;
    }
    const body = { target, desired: read.value };
    const keys = Object.keys(read.value).join(', ');
    onReady({
      title: `Set ${keys}`,
      does: <Values of={read.value} none="(its own value is taken away)" />,
      button: 'Set on',
      undo: 'Each device is decided by the rules of its type. To take it back, set the values of before.',
      preview: () =>
        answered(
          api.POST('/api/v1/configuration/bulk', { body, params: { query: { preview: true } } }),
        ) as Promise<Preview>,
      start: (expectedCount, key) =>
        answered(
          api.POST('/api/v1/configuration/bulk', {
            body: { ...body, expectedCount },
            params: { header: { 'Idempotency-Key': key } },
          }),
        ) as Promise<{ jobId: string }>,
    });
  };
  return (
    <Form onSubmit={submit}>
      <JsonInput
        autoFocus
        label="Desired values, as an object of key and value"
        text={text}
        onChange={setText}
        fault={fault}
      />
      {foot}
    </Form>
  );
};

const CommandForm = ({ target, onReady, foot }: FormProps) => {
  const [type, setType] = useState('');
  const [payload, setPayload] = useState('');
  const submit = () => {
    const read = payload.trim() === '' ? undefined : readJson(payload);
    if (read !== undefined && 'fault' in read) return;
    const body = { target, type, ...(read === undefined ? {} : { payload: read.value }) };
    onReady({
      title: `Command ${type}`,
      does: (
        <code>
          {type} {read === undefined ? '' : json(read.value)}
        </code>
      ),
      button: 'Send to',
      undo: 'A command that a device has been given cannot be called back.',
      preview: () =>
        answered(
          api.POST('/api/v1/commands/bulk', { body, params: { query: { preview: true } } }),
        ) as Promise<Preview>,
      start: (expectedCount, key) =>
        answered(
          api.POST('/api/v1/commands/bulk', {
            body: { ...body, expectedCount },
            params: { header: { 'Idempotency-Key': key } },
          }),
        ) as Promise<{ jobId: string }>,
    });
  };
  return (
    <Form onSubmit={submit}>
      <TextInput
        data-autofocus
        required
        label="Command"
        value={type}
        onChange={(event) => setType(event.currentTarget.value)}
      />
      <JsonInput label="Payload (JSON, may be left out)" text={payload} onChange={setPayload} />
      {foot}
    </Form>
  );
};

const deviceBulk = (body: Schema<'DeviceBulkInput'>): Pick<Prepared, 'preview' | 'start'> => ({
  preview: () =>
    answered(
      api.POST('/api/v1/devices/bulk', { body, params: { query: { preview: true } } }),
    ) as Promise<Preview>,
  start: (expectedCount, key) =>
    answered(
      api.POST('/api/v1/devices/bulk', {
        body: { ...body, expectedCount },
        params: { header: { 'Idempotency-Key': key } },
      }),
    ) as Promise<{ jobId: string }>,
});

const TagsForm = ({ target, onReady, foot }: FormProps) => {
  const [add, setAdd] = useState<string[]>([]);
  const [remove, setRemove] = useState<string[]>([]);
  return (
    <Form
      onSubmit={() =>
        onReady({
          title: 'Change tags',
          does: (
            <>
              {add.length > 0 && <div>Adds {add.join(', ')}</div>}
              {remove.length > 0 && <div>Takes away {remove.join(', ')}</div>}
            </>
          ),
          button: 'Change',
          undo: 'The other tags stay.',
          ...deviceBulk({
            target,
            tags: { ...(add.length > 0 ? { add } : {}), ...(remove.length > 0 ? { remove } : {}) },
          }),
        })
      }
    >
      <TagsInput data-autofocus label="Add" value={add} onChange={setAdd} />
      <TagsInput label="Take away" value={remove} onChange={setRemove} />
      {foot}
    </Form>
  );
};

const FolderForm = ({ target, onReady, foot }: FormProps) => {
  const [folder, setFolder] = useState('');
  return (
    <Form
      onSubmit={() =>
        onReady({
          title: `Move to ${folder}`,
          does: (
            <>
              Moves into <code>{folder}</code>
            </>
          ),
          button: 'Move',
          undo: 'Where each of them was is in its history only.',
          ...deviceBulk({ target, folder }),
        })
      }
    >
      <TextInput
        data-autofocus
        required
        label="Folder"
        placeholder="/paris/building-2"
        value={folder}
        onChange={(event) => setFolder(event.currentTarget.value)}
      />
      {foot}
    </Form>
  );
};

const MetadataForm = ({ target, onReady, foot }: FormProps) => {
  const [text, setText] = useState('{\n  \n}');
  const [fault, setFault] = useState<string>();
  const submit = () => {
    const read = readJson(text);
    const map =
      'value' in read && isMap(read.value) && Object.keys(read.value).length > 0 ? read.value : undefined;
    if (map === undefined) {
      setFault('fault' in read ? read.fault : 'Write an object: {"key": value}. null removes a key.');
      return;
    }
    onReady({
      title: `Change metadata: ${Object.keys(map).join(', ')}`,
      does: <Values of={map} none="(removed)" />,
      button: 'Change',
      undo: 'The other keys stay. What was there before is not kept.',
      ...deviceBulk({ target, metadata: { ...map } }),
    });
  };
  return (
    <Form onSubmit={submit}>
      <JsonInput
        autoFocus
        label="Metadata, as an object of key and value; null removes a key"
        text={text}
        onChange={setText}
        fault={fault}
      />
      {foot}
    </Form>
  );
};

const DeleteForm = ({ target, onReady, foot }: FormProps) => {
  const [erase, setErase] = useState(false);
  return (
    <Form
      onSubmit={() =>
        onReady({
          title: 'Delete devices',
          does: erase
            ? 'Deletes the devices, and erases all that they have sent, their history and their files.'
            : 'Deletes the devices. What they have sent stays until its age ends it.',
          button: erase ? 'Delete and erase' : 'Delete',
          danger: true,
          undo: 'This cannot be undone. The devices are disconnected at once.',
          ...deviceBulk({ target, delete: true, ...(erase ? { erase: true } : {}) }),
        })
      }
    >
      <Text>Devices that are deleted can connect no more.</Text>
      <Checkbox
        label="Erase also their telemetry, history and files"
        checked={erase}
        onChange={(event) => setErase(event.currentTarget.checked)}
      />
      {foot}
    </Form>
  );
};

const FORMS: Readonly<Record<Act, readonly [title: string, form: (props: FormProps) => ReactNode]>> = {
  configure: ['Set values', ConfigureForm],
  command: ['Send a command', CommandForm],
  tags: ['Change tags', TagsForm],
  folder: ['Move to a folder', FolderForm],
  metadata: ['Change metadata', MetadataForm],
  delete: ['Delete devices', DeleteForm],
};

/** Key by key, with what is secret in it covered. */
const Values = ({ of, none }: { readonly of: JsonMap; readonly none: string }) =>
  Object.entries(of).map(([key, value]) => (
    <div key={key}>
      <code>
        {key} = {value === null ? none : <Value name={key} of={value} />}
      </code>
    </div>
  ));

const isMap = (value: unknown): value is JsonMap =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
