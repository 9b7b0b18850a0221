import { withOwnTimes } from '../shared/format.js';
import type { Campaign, Happening } from './campaigns.queries.js';

const ANSWERS = { pass: 'passed', fail: 'failed', inconclusive: 'cannot tell' } as const;

/**
 * What happened, in words that follow the name of who did it, or stand alone where nobody did. Only a gate lets pass: a batch
 * of `batches` without one is done.
 */
export const deedOf = (
  { what, batch, detail, answer, overridden, by }: Happening,
  batches: Campaign['batches'],
): string => {
  const said = detail === undefined ? '' : `: ${detail}`;
  const alone = by.kind === 'system';
  switch (what) {
    case 'created':
      return 'created it';
    case 'edited':
      return `edited it${said}`;
    case 'scheduled':
      return `scheduled it${detail === undefined ? '' : ` ${withOwnTimes(detail)}`}`;
    case 'unscheduled':
      return 'took it off the schedule';
    case 'deleted':
      return 'deleted it';
    case 'launched':
      return alone ? 'It launched itself' : 'launched it';
    case 'resolved':
      return `Its devices are known${said}`;
    case 'launch_failed':
      return `The launch was refused${said}`;
    case 'batch_released':
      return alone ? `Batch ${batch ?? ''} went by itself${said}` : `released batch ${batch ?? ''}${said}`;
    case 'batch_written':
      return `Batch ${batch ?? ''} is written`;
    case 'batch_synchronised':
      return `Batch ${batch ?? ''} is synchronised`;
    case 'gate_answered':
      return `The gate of batch ${batch ?? ''}: ${answer === undefined ? '' : ANSWERS[answer]}`;
    case 'batch_passed':
      if (overridden === true) return `Batch ${batch ?? ''} was let go past its gate`;
      return `Batch ${batch ?? ''} ${batches.some(({ index, gate }) => index === batch && gate !== undefined) ? 'passed its gate' : 'is done'}`;
    case 'batch_held':
      return `Batch ${batch ?? ''} is held`;
    case 'paused':
      return alone ? `It paused itself${said}` : `paused it${said}`;
    case 'resumed':
      return `resumed it${overridden === true ? ', past its gate' : ''}`;
    case 'cancel_requested':
      return `cancelled it${detail === undefined ? '' : ` (${detail})`}`;
    case 'cancelled':
      return 'It is cancelled';
    case 'device_excluded':
      return 'took out';
    case 'rate_changed':
      return `changed the rate${said}`;
    case 'completed':
      return `It is completed${said.replaceAll('_', ' ')}`;
    case 'wait_ended':
      return `ended the wait for devices${said}`;
    case 'settled':
      return `All devices are settled${said.replaceAll('_', ' ')}`;
  }
};

/** Whether a deed is a sentence of its own, that the name of who did it does not lead in. */
export const standsAlone = (deed: string): boolean => /^\p{Lu}/u.test(deed);
