import { Button, Checkbox, Group, Modal, Stack, TagsInput, Text, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { answered, api, type Schema } from '../api/client.js';
import { useIdempotencyKey } from '../api/idempotency.js';
import { JobProgress } from '../jobs/job-progress.js';
import { Confirm, TYPE_ABOVE, TypeSplit } from '../shared/confirm-count.js';
import { count } from '../shared/format.js';
import { JsonInput, readJson } from '../shared/json-input.js';
import { ProblemView } from '../shared/problem-view.js';

export type Act = 'configure' | 'command' | 'tags' | 'folder' | 'metadata' | 'delete';

type Target = Schema<'BulkTarget'>;
type Preview = Schema<'TargetPreview'>;
type JsonMap = Readonly<Record<string, Schema<'JsonValue'>>>;

/** A bulk act that is ready to be asked about: `send` with a preview, then for good. */
interface Prepared {
  readonly title: string;
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
      <Modal opened onClose={() => onClose(true)} title={prepared.title} size="lg">
        <Stack gap="sm">
          <JobProgress id={start.data.jobId} label={prepared.title} />
          <Text c="dimmed">It goes on when this is closed, and is in the list of jobs.</Text>
          <Group justify="flex-end">
            <Button onClick={() => onClose(true)}>Close</Button>
          </Group>
        </Stack>
      </Modal>
    );
  }
  if (prepared !== undefined && look.data !== undefined) {
    const { matched, byDeviceType, sample, missing } = look.data;
    return (
      <Confirm
        title={prepared.title}
        act={`${prepared.button} ${count(matched)}`}
        danger={prepared.danger === true}
        {...(matched > TYPE_ABOVE || prepared.danger === true ? { toType: String(matched) } : {})}
        busy={start.isPending}
        error={start.error}
        onConfirm={() => start.mutate({ act: prepared, expected: matched })}
        onClose={() => setPrepared(undefined)}
      >
        <Text>
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
        {(missing?.length ?? 0) > 0 && (
          <Text>{count(missing?.length ?? 0)} of them are not there any more.</Text>
        )}
        <Text c="dimmed">{prepared.undo}</Text>
      </Confirm>
    );
  }
  const form = {
    onReady: ready,
    foot: (
      <>
        <ProblemView error={look.error} />
        <Group justify="flex-end">
          <Button type="submit" loading={look.isPending}>
            Look first
          </Button>
        </Group>
      </>
    ),
    target,
  };
  switch (act) {
    case 'configure':
      return (
        <ActModal title="Set values" onClose={onClose}>
          <ConfigureForm {...form} />
        </ActModal>
      );
    case 'command':
      return (
        <ActModal title="Send a command" onClose={onClose}>
          <CommandForm {...form} />
        </ActModal>
      );
    case 'tags':
      return (
        <ActModal title="Change tags" onClose={onClose}>
          <TagsForm {...form} />
        </ActModal>
      );
    case 'folder':
      return (
        <ActModal title="Move to a folder" onClose={onClose}>
          <FolderForm {...form} />
        </ActModal>
      );
    case 'metadata':
      return (
        <ActModal title="Change metadata" onClose={onClose}>
          <MetadataForm {...form} />
        </ActModal>
      );
    case 'delete':
      return (
        <ActModal title="Delete devices" onClose={onClose}>
          <DeleteForm {...form} />
        </ActModal>
      );
  }
};

const ActModal = ({
  title,
  onClose,
  children,
}: {
  readonly title: string;
  readonly onClose: (done: boolean) => void;
  readonly children: ReactNode;
}) => (
  <Modal opened onClose={() => onClose(false)} title={title} size="lg">
    {children}
  </Modal>
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
          button: 'Delete',
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

const isMap = (value: unknown): value is JsonMap =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
