import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { api, withEtag, type Schema } from '../api/client.js';
import { changedOnly } from '../shared/changed-only.js';
import { useEdit, type Edit } from '../shared/use-edit.js';
import { campaignQuery, type Campaign } from './campaigns.queries.js';
import type { Draft, Step } from './steps.js';

type Body = Schema<'CampaignEdit'>;

/** Saves of a draft what was changed in a step, upon what was seen when it was opened, and goes on to the next one. */
export const useSaveDraft = ({
  opened,
  before,
  next,
  create,
}: {
  /** Undefined: it is not stored yet, and `create` makes it. */
  readonly opened: Draft | undefined;
  /** What would have been saved when the step was opened. */
  readonly before: Body;
  readonly next: Step;
  readonly create?: () => Promise<string>;
}): Edit<Campaign | undefined, Body> => {
  const id = opened?.data.id ?? '';
  const navigate = useNavigate();
  const queries = useQueryClient();
  return useEdit<Campaign | undefined, Body, string>({
    opened: opened ?? { data: undefined, etag: '' },
    now: () => queries.query({ ...campaignQuery(id), staleTime: 0 }),
    send: async (body, upon) => {
      if (create !== undefined && opened === undefined) return create();
      const changed = changedOnly(body, before);
      if (Object.keys(changed).length === 0) return id;
      await withEtag(
        api.PATCH('/api/v1/campaigns/{id}', {
          params: { path: { id }, header: { 'If-Match': upon.etag } },
          body: changed,
        }),
      );
      return id;
    },
    onSaved: async (saved) => {
      await queries.invalidateQueries({ queryKey: ['campaign', saved] });
      void queries.invalidateQueries({ queryKey: ['campaigns'] });
      void navigate({
        to: '/campaigns/$id/edit/$step',
        params: { id: saved, step: next },
        ignoreBlocker: true,
      });
    },
  });
};
