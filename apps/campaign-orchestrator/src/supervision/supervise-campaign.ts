import type { EventStore } from '@muster/event-store';
import type { Steps } from '@muster/jobs';
import { ENGINE } from '../campaign/engine.decider.js';
import type { ResolvedListener } from '../target/snapshot.js';
import { SUPERVISION_STEP } from './supervision-step.js';
import { supervision, type SupervisionCommand } from './supervision.decider.js';
import type { SupervisedDevices } from './supervised-devices.js';

/**
 * A launched campaign comes with a supervision of its devices, in the transaction in which these become known: there is
 * none without the other. Devices that do not exist, or are of another type than
 * the campaign is for, are not watched.
 */
export const superviseCampaign =
  (parts: {
    readonly store: EventStore;
    readonly steps: Steps;
    readonly devices: SupervisedDevices;
  }): ResolvedListener =>
  async (tx, { tenantId, campaignId, launchId, supervisionId, definition, at }) => {
    const { rows } = await tx.query<{ as_of: Date | null }>(
      'SELECT as_of FROM campaign_launches WHERE tenant_id = $1 AND launch_id = $2',
      [tenantId, launchId],
    );
    const execute = (command: SupervisionCommand) =>
      parts.store.execute(supervision, {
        tenantId,
        id: supervisionId,
        command,
        metadata: { actor: ENGINE },
        within: tx,
      });
    await execute({
      type: 'OpenSupervision',
      name: definition.name,
      campaignId,
      target: null,
      configurations: definition.configurations,
      expectedStates: definition.expectedStates,
      expectedFrom: definition.expectedFrom,
      by: ENGINE,
      // What somebody wished before this is what the campaign is there to change.
      at: rows[0]?.as_of?.toISOString() ?? at,
    });
    const total = await parts.devices.addTargets(tx, { tenantId, supervisionId, launchId });
    await execute({ type: 'ResolveSupervision', total, by: ENGINE, at });
    await parts.steps.set(tx, { tenantId, name: SUPERVISION_STEP, key: supervisionId, at });
  };
