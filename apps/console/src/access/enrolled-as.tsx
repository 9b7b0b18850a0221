import { Group, Select, TagsInput, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { faultAt, type Problem } from '../api/problem.js';
import { deviceTypesQuery } from '../devices/devices.queries.js';

/** What a device becomes that enrols by itself. */
export interface EnrolledAs {
  readonly deviceType: string;
  /** Empty: the type's newest at that time. */
  readonly appVersion: string;
  readonly folder: string;
  readonly tags: readonly string[];
}

export const NOTHING_YET: EnrolledAs = { deviceType: '', appVersion: '', folder: '', tags: [] };

/** As the API takes it: what is empty is its default. */
export const enrolledAs = ({ deviceType, appVersion, folder, tags }: EnrolledAs) => ({
  deviceType,
  ...(appVersion === '' ? {} : { appVersion }),
  ...(folder === '' ? {} : { folder }),
  ...(tags.length === 0 ? {} : { tags: [...tags] }),
});

export const EnrolledAsFields = ({
  value,
  onChange,
  problem,
  path = '',
}: {
  readonly value: EnrolledAs;
  readonly onChange: (value: EnrolledAs) => void;
  readonly problem: Problem | undefined;
  /** Where it lies in the body: `enrolment.`. */
  readonly path?: string;
}) => {
  const types = useQuery(deviceTypesQuery).data?.items ?? [];
  const versions = types.find(({ name }) => name === value.deviceType)?.appVersions ?? [];
  return (
    <>
      <Group grow align="start">
        <Select
          required
          searchable
          label="Device type"
          data={types.map(({ name }) => name)}
          value={value.deviceType === '' ? null : value.deviceType}
          onChange={(deviceType) => onChange({ ...value, deviceType: deviceType ?? '', appVersion: '' })}
          error={faultAt(problem, `${path}deviceType`)}
          nothingFoundMessage="No such type"
        />
        <Select
          clearable
          label="Application version"
          placeholder="the newest then"
          data={versions.map(({ name }) => name)}
          value={value.appVersion === '' ? null : value.appVersion}
          onChange={(appVersion) => onChange({ ...value, appVersion: appVersion ?? '' })}
          error={faultAt(problem, `${path}appVersion`)}
        />
      </Group>
      <TextInput
        label="Folder"
        placeholder="/"
        value={value.folder}
        onChange={(event) => onChange({ ...value, folder: event.currentTarget.value })}
        error={faultAt(problem, `${path}folder`)}
      />
      <TagsInput
        label="Tags"
        value={[...value.tags]}
        onChange={(tags) => onChange({ ...value, tags })}
        error={faultAt(problem, `${path}tags`)}
      />
    </>
  );
};
