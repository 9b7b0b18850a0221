import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { answered, api, withEtag, type Schema } from '../api/client.js';
import { useIdempotencyKey } from '../api/idempotency.js';
import { problemOf } from '../api/problem.js';
import { changedOnly } from '../shared/changed-only.js';
import { useEdit, type Edit } from '../shared/use-edit.js';
import { campaignQuery, type Campaign } from './campaigns.queries.js';
import { definitionOf } from './plan.js';
import type { Draft, Step } from './steps.js';

type Body = Schema<'CampaignEdit'>;

interface SaveDraft extends Edit<Campaign | undefined, Body> {
  /** Somebody has deleted the draft: saving makes a new one. */
  readonly isGone: boolean;
}

/**
 * Saves of a draft what was changed in a step, upon what was seen when it was opened, and goes on to the next one. Where it was
 * deleted meanwhile that is told first, and the next save makes a new draft, with the other steps as they were.
 */
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
}): SaveDraft => {
  const id = opened?.data.id ?? '';
  const navigate = useNavigate();
  const queries = useQueryClient();
  const once = useIdempotencyKey();
  const [isGone, setIsGone] = useState(false);
  const edit = useEdit<Campaign | undefined, Body, string>({
    opened: opened ?? { data: undefined, etag: '' },
    now: () => queries.query({ ...campaignQuery(id), staleTime: 0 }),
    send: async (body, upon) => {
      if (create !== undefined && opened === undefined) return create();
      if (isGone && opened !== undefined) {
        const made = await once((key) =>
          answered(
            api.POST('/api/v1/campaigns', {
              params: { header: { 'Idempotency-Key': key } },
              body: definitionOf(opened.data, body),
            }),
          ),
        );
        return made.id;
      }
      const changed = changedOnly(body, before);
      if (Object.keys(changed).length === 0) return id;
      try {
        await withEtag(
          api.PATCH('/api/v1/campaigns/{id}', {
            params: { path: { id }, header: { 'If-Match': upon.etag } },
            body: changed,
          }),
        );
      } catch (error) {
        if (isNoMore(error)) setIsGone(true);
        throw error;
      }
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
  return { ...edit, isGone, error: isNoMore(edit.error) ? undefined : edit.error };
};

const isNoMore = (error: unknown): boolean =>
  error !== null && error !== undefined && problemOf(error).code === 'campaign-not-found';
