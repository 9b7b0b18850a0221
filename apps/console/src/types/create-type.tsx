import { Button, Modal, Stack, TagsInput, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api } from '../api/client.js';
import { useIdempotencyKey } from '../api/idempotency.js';
import { faultAt, problemOf } from '../api/problem.js';
import { ProblemView } from '../shared/problem-view.js';
import { SettingFields } from './setting-fields.js';
import type { Settings } from './type-settings.js';

export const CreateType = ({ onClose }: { readonly onClose: () => void }) => {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [name, setName] = useState('');
  const [description, setDescription] = useState('');
  const [versions, setVersions] = useState<string[]>([]);
  const [settings, setSettings] = useState<Settings>({});
  const once = useIdempotencyKey();
  const create = useMutation({
    mutationFn: () =>
      once((key) =>
        answered(
          api.POST('/api/v1/device-types', {
            body: {
              name,
              ...(description === '' ? {} : { description }),
              ...(versions.length === 0
                ? {}
                : { appVersions: versions.map((version) => ({ name: version })) }),
              ...(Object.keys(settings).length === 0 ? {} : { settings }),
            },
            params: { header: { 'Idempotency-Key': key } },
          }),
        ),
      ),
    onSuccess: ({ id }) => {
      void queries.invalidateQueries({ queryKey: ['device-types'] });
      void navigate({ to: '/types/$id', params: { id } });
    },
  });
  const problem = create.isError ? problemOf(create.error) : undefined;
  return (
    <Modal opened onClose={onClose} title="Create a device type" size="lg">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate();
        }}
      >
        <Stack gap="sm">
          <TextInput
            data-autofocus
            required
            label="Name"
            description="Letters, digits, _ and -."
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={faultAt(problem, 'name')}
          />
          <Textarea
            label="Description"
            autosize
            value={description}
            onChange={(event) => setDescription(event.currentTarget.value)}
            error={faultAt(problem, 'description')}
          />
          <TagsInput
            label="Application versions"
            description="A level of every topic of its devices, so unique in the whole platform."
            placeholder={name === '' ? '' : `${name}-v1`}
            value={versions}
            onChange={setVersions}
            error={faultAt(problem, 'appVersions')}
          />
          <details>
            <summary>Settings</summary>
            <div style={{ marginTop: 8 }}>
              <SettingFields settings={settings} onChange={setSettings} problem={problem} />
            </div>
          </details>
          <ProblemView error={create.error} />
          <Button type="submit" loading={create.isPending}>
            Create
          </Button>
        </Stack>
      </form>
    </Modal>
  );
};
