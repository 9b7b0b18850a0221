import { Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { useLive } from '../api/live.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { Loaded, Nothing, PageHeader } from '../shared/page.js';
import { SecretKeys } from '../types/secret-keys.js';
import { BatchesStep } from './batches-step.js';
import { campaignQuery } from './campaigns.queries.js';
import { DefinitionStep } from './definition-step.js';
import { ReviewStep } from './review-step.js';
import { STEPS, type Draft, type Step } from './steps.js';

const NAMES: Readonly<Record<Step, string>> = {
  definition: 'Devices and values',
  batches: 'Batches, gates, times',
  review: 'Review and launch',
};

/** The first step of a campaign that is not stored yet. */
export const NewCampaignPage = () => (
  <div className="page">
    <PageHeader
      title="Prepare a campaign"
      above={
        <AnchorLink to="/campaigns" c="dimmed">
          Campaigns
        </AnchorLink>
      }
    />
    <Steps step="definition" />
    <DefinitionStep />
  </div>
);

/** A draft that the platform keeps: each step is an address, and can be gone on with from anywhere. */
export const EditCampaignPage = () => {
  const { id, step } = useParams({ from: '/campaigns/$id/edit/$step' });
  const campaign = useQuery(campaignQuery(id));
  useLive(`campaign.${id}`, [['campaign', id]]);
  return (
    <div className="page">
      <Loaded query={campaign}>
        {(draft) => {
          const { name, status } = draft.data;
          const editable = status === 'draft' || status === 'scheduled';
          return (
            <>
              <PageHeader
                title={name}
                above={
                  <AnchorLink to="/campaigns/$id" params={{ id }} c="dimmed">
                    The campaign
                  </AnchorLink>
                }
                beside={<Text c="dimmed">{status}</Text>}
              />
              <Steps step={step} id={id} />
              {!editable ? (
                <Nothing why="It was launched, and what was launched is not edited any more.">
                  <AnchorLink to="/campaigns/$id" params={{ id }}>
                    To the campaign
                  </AnchorLink>
                </Nothing>
              ) : step === 'review' ? (
                <ReviewStep draft={draft} />
              ) : (
                <SecretKeys deviceType={draft.data.deviceType}>
                  <EditStep key={step} step={step} draft={draft} />
                </SecretKeys>
              )}
            </>
          );
        }}
      </Loaded>
    </div>
  );
};

/** What others save meanwhile shows at once where nothing is typed; else what was opened stays, until it is saved or left. */
const EditStep = ({ step, draft }: { readonly step: 'definition' | 'batches'; readonly draft: Draft }) => {
  const [unsaved, setUnsaved] = useState(false);
  const [opened, setOpened] = useState(draft);
  if (!unsaved && opened.etag !== draft.etag) setOpened(draft);
  const Fields = step === 'definition' ? DefinitionStep : BatchesStep;
  return <Fields key={opened.etag} draft={opened} onUnsaved={setUnsaved} />;
};

const Steps = ({ step, id }: { readonly step: Step; readonly id?: string }) => (
  <nav className="tabs" aria-label="Steps">
    {STEPS.map((one, index) => {
      const text = `${index + 1}. ${NAMES[one]}`;
      if (id === undefined || one === step) {
        return (
          <span
            key={one}
            className={one === step ? 'tab here' : 'tab dim'}
            {...(one === step ? { 'aria-current': 'step' } : {})}
          >
            {text}
          </span>
        );
      }
      return (
        <Link key={one} className="tab" to="/campaigns/$id/edit/$step" params={{ id, step: one }}>
          {text}
        </Link>
      );
    })}
  </nav>
);
