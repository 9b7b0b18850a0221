import { answered, api } from '../api/client.js';
import type { Supervision } from '../supervisions/supervisions.queries.js';
import { CAREFUL } from './batch-plan.js';

/** A draft with what the campaign wrote, for these of its devices; its id. Under the same key it is the same draft. */
export const retryOf = async (
  campaignId: string,
  deviceIds: readonly string[],
  key: string,
): Promise<string> => {
  const { id } = await answered(
    api.POST('/api/v1/campaigns/{id}/retry', {
      params: { path: { id: campaignId }, header: { 'Idempotency-Key': key } },
      body: {},
    }),
  );
  // The call itself takes all that have failed. Nobody else knows the draft yet, so no version is asked for.
  await answered(
    api.PATCH('/api/v1/campaigns/{id}', {
      params: { path: { id } },
      body: { target: { deviceIds: [...deviceIds] } },
    }),
  );
  return id;
};

const PAGE = 500;

/** A draft that gives the devices that are invalid now what the supervision asks for; its id. */
export const campaignForInvalid = async (supervision: Supervision, key: string): Promise<string> => {
  const { id, name, configurations, expectedStates, expectedFrom } = supervision;
  const deviceIds: string[] = [];
  let cursor: string | null = null;
  do {
    const page: { items: readonly { deviceId: string }[]; nextCursor: string | null } = await answered(
      api.GET('/api/v1/supervisions/{id}/devices', {
        params: {
          path: { id },
          query: { verdict: 'invalid', limit: PAGE, ...(cursor === null ? {} : { cursor }) },
        },
      }),
    );
    deviceIds.push(...page.items.map(({ deviceId }) => deviceId));
    cursor = page.nextCursor;
  } while (cursor !== null);
  const draft = await answered(
    api.POST('/api/v1/campaigns', {
      params: { header: { 'Idempotency-Key': key } },
      body: {
        name: `${name.slice(0, 110)} (invalid)`,
        target: { deviceIds },
        ...{ configurations, expectedStates, expectedFrom },
        batches: [...CAREFUL],
      },
    }),
  );
  return draft.id;
};
