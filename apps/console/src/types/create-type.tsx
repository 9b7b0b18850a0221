import { TagsInput, Textarea, TextInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api } from '../api/client.js';
import { faultAt } from '../api/problem.js';
import { ActDialog } from '../shared/act-dialog.js';
import { SettingFields } from './setting-fields.js';
import type { Settings } from './type-settings.js';

export const CreateType = ({ onClose }: { readonly onClose: () => void }) => {
  const navigate = useNavigate();
  const [name, setName] = useState('');
  const [description, setDescription] = useState('');
  const [versions, setVersions] = useState<string[]>([]);
  const [settings, setSettings] = useState<Settings>({});
  return (
    <ActDialog
      title="Create a device type"
      act="Create"
      refreshes={['device-types']}
      run={(key) =>
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
        )
      }
      onDone={({ id }) => void navigate({ to: '/types/$id', params: { id } })}
      onClose={onClose}
    >
      {(problem) => (
        <>
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
        </>
      )}
    </ActDialog>
  );
};
