import { useQueryClient } from '@tanstack/react-query';
import { api, withEtag, type Schema } from '../api/client.js';
import { requestUpon, type Change } from '../device/change.js';
import { useEdit, type Edit, type Versioned } from '../shared/use-edit.js';
import { defaultsOf } from './configuration-values.js';
import { typeConfigurationQuery, type TypeConfiguration } from './types.queries.js';

interface Opened {
  readonly opened: Versioned<TypeConfiguration>;
}

/** Keys, limits, and what becomes of keys that are not declared. */
export const useRules = ({
  opened,
  onSaved,
}: Opened & { readonly onSaved: () => void }): Edit<TypeConfiguration, Schema<'TypeConfigurationEdit'>> => {
  const { now, renew, id } = useNow(opened);
  return useEdit({
    opened,
    now,
    send: (edit: Schema<'TypeConfigurationEdit'>, { etag }: Versioned<TypeConfiguration>) =>
      withEtag(
        api.PATCH('/api/v1/device-types/{id}/configuration', {
          params: { path: { id }, header: { 'If-Match': etag } },
          body: edit,
        }),
      ),
    onSaved: () => {
      renew();
      onSaved();
    },
  });
};

/** A default of the type or of a version. `onSaved` gets the job that gives it to the devices; null: nothing has changed. */
export const useDefault = ({
  opened,
  version,
  onSaved,
}: Opened & {
  readonly version: string | undefined;
  readonly onSaved: (jobId: string | null) => void;
}): Edit<TypeConfiguration, Change> => {
  const { now, renew, id } = useNow(opened);
  return useEdit({
    opened,
    now,
    send: (change: Change, upon: Versioned<TypeConfiguration>) => {
      const { method, body } = requestUpon(defaultsOf(upon.data, version), change);
      const header = { 'If-Match': upon.etag };
      if (version === undefined) {
        const params = { path: { id }, header };
        return withEtag(
          method === 'PATCH'
            ? api.PATCH('/api/v1/device-types/{id}/configuration/defaults', { params, body })
            : api.PUT('/api/v1/device-types/{id}/configuration/defaults', { params, body }),
        );
      }
      const params = { path: { id, name: version }, header };
      return withEtag(
        method === 'PATCH'
          ? api.PATCH('/api/v1/device-types/{id}/app-versions/{name}/configuration/defaults', {
              params,
              body,
            })
          : api.PUT('/api/v1/device-types/{id}/app-versions/{name}/configuration/defaults', { params, body }),
      );
    },
    onSaved: ({ data }) => {
      renew();
      onSaved(data.jobId);
    },
  });
};

const useNow = ({ data: { deviceTypeId: id } }: Versioned<TypeConfiguration>) => {
  const queries = useQueryClient();
  return {
    id,
    now: () => queries.query({ ...typeConfigurationQuery(id), staleTime: 0 }),
    renew: () => void queries.invalidateQueries({ queryKey: typeConfigurationQuery(id).queryKey }),
  };
};
