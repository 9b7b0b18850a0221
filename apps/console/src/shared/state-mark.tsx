import {
  AlertFillIcon,
  CheckCircleFillIcon,
  CircleIcon,
  CircleSlashIcon,
  ClockIcon,
  DotFillIcon,
  HourglassIcon,
  PauseIcon,
  PencilIcon,
  QuestionIcon,
  SyncIcon,
  XCircleFillIcon,
  type Icon,
} from '@primer/octicons-react';

export type Tone = 'ok' | 'pending' | 'bad' | 'off' | 'accent';

interface State {
  readonly icon: Icon;
  readonly word: string;
  readonly tone: Tone;
  /** What it means, for who points at it. */
  readonly means?: string;
}

/**
 * Every state that is shown anywhere: shape, word and colour, so that none of the three is needed to tell states apart.
 * What the platform adds later is shown by its own word.
 */
const STATES: Readonly<Record<string, State>> = {
  // connectivity
  online: { icon: DotFillIcon, word: 'online', tone: 'ok' },
  offline: { icon: CircleSlashIcon, word: 'offline', tone: 'off' },
  never_seen: {
    icon: HourglassIcon,
    word: 'never seen',
    tone: 'off',
    means: 'Nothing was heard of it since it was made: it waits for its first connection.',
  },
  no_connection: {
    icon: CircleIcon,
    word: 'polls',
    tone: 'off',
    means: 'It asks over HTTP and keeps no connection: whether it is away is not known.',
  },
  // the stream
  live: { icon: DotFillIcon, word: 'live', tone: 'ok', means: 'What you see moves by itself.' },
  reconnecting: {
    icon: SyncIcon,
    word: 'reconnecting',
    tone: 'pending',
    means: 'What you see may be some seconds old.',
  },
  polling: {
    icon: ClockIcon,
    word: 'every 10 s',
    tone: 'pending',
    means: 'What you see is read every 10 seconds.',
  },
  // configuration
  in_sync: { icon: CheckCircleFillIcon, word: 'in sync', tone: 'ok', means: 'The device has confirmed it.' },
  to_send: {
    icon: ClockIcon,
    word: 'not sent',
    tone: 'pending',
    means: 'It is stored. The device has not been sent it yet.',
  },
  dispatched: {
    icon: ClockIcon,
    word: 'sent',
    tone: 'pending',
    means: 'It was sent. The device has not confirmed it yet.',
  },
  unconfirmed: {
    icon: QuestionIcon,
    word: 'unconfirmed',
    tone: 'pending',
    means: 'It was sent, and the device has been silent about it for five minutes.',
  },
  rejected: { icon: XCircleFillIcon, word: 'rejected', tone: 'bad', means: 'The device refuses it.' },
  none: { icon: CircleIcon, word: 'not configured', tone: 'off' },
  differs: {
    icon: AlertFillIcon,
    word: 'differs',
    tone: 'bad',
    means: 'The device has confirmed it, and reports another value.',
  },
  reported_only: {
    icon: CircleIcon,
    word: 'reported only',
    tone: 'off',
    means: 'The device reports it. Nobody has said what it should be.',
  },
  // devices, tokens, credentials
  active: { icon: CheckCircleFillIcon, word: 'active', tone: 'ok' },
  inactive: {
    icon: CircleIcon,
    word: 'inactive',
    tone: 'off',
    means: 'It opens nothing until it is activated.',
  },
  suspended: { icon: PauseIcon, word: 'suspended', tone: 'pending' },
  revoked: { icon: CircleSlashIcon, word: 'revoked', tone: 'off' },
  unverified: {
    icon: QuestionIcon,
    word: 'not verified',
    tone: 'pending',
    means: 'It opens nothing until somebody has shown to have its key.',
  },
  not_yet: { icon: ClockIcon, word: 'not yet', tone: 'pending', means: 'Its time has not come.' },
  over: { icon: CircleSlashIcon, word: 'over', tone: 'off', means: 'Its time has ended: it opens nothing.' },
  used_up: {
    icon: CircleSlashIcon,
    word: 'used up',
    tone: 'off',
    means: 'As many devices have enrolled as it allows.',
  },
  awaits_approval: { icon: ClockIcon, word: 'awaits approval', tone: 'pending' },
  // jobs and campaigns
  created: { icon: ClockIcon, word: 'created', tone: 'pending' },
  in_progress: { icon: SyncIcon, word: 'in progress', tone: 'accent' },
  waiting: { icon: HourglassIcon, word: 'waiting', tone: 'pending' },
  cancelling: { icon: HourglassIcon, word: 'cancelling', tone: 'pending' },
  cancelled: { icon: CircleSlashIcon, word: 'cancelled', tone: 'off' },
  success: { icon: CheckCircleFillIcon, word: 'success', tone: 'ok' },
  failed: { icon: XCircleFillIcon, word: 'failed', tone: 'bad' },
  draft: { icon: PencilIcon, word: 'draft', tone: 'off' },
  scheduled: { icon: ClockIcon, word: 'scheduled', tone: 'accent' },
  running: { icon: SyncIcon, word: 'running', tone: 'accent' },
  paused: { icon: PauseIcon, word: 'paused', tone: 'pending' },
  completed: { icon: CheckCircleFillIcon, word: 'completed', tone: 'off' },
  succeeded: { icon: CheckCircleFillIcon, word: 'succeeded', tone: 'ok' },
  unsettled: { icon: HourglassIcon, word: 'written, not all answered', tone: 'pending' },
  completed_with_failures: { icon: AlertFillIcon, word: 'with failures', tone: 'bad' },
  // batches
  planned: { icon: CircleIcon, word: 'planned', tone: 'off' },
  writing: { icon: SyncIcon, word: 'writing', tone: 'accent' },
  syncing: { icon: SyncIcon, word: 'synchronising', tone: 'accent' },
  observing: { icon: HourglassIcon, word: 'watched by its gate', tone: 'accent' },
  passed: { icon: CheckCircleFillIcon, word: 'passed', tone: 'ok' },
  done: { icon: CheckCircleFillIcon, word: 'done', tone: 'ok' },
  done_unsettled: {
    icon: HourglassIcon,
    word: 'done, not all answered',
    tone: 'off',
    means: 'It is written and holds nothing up. Some of its devices have not answered yet.',
  },
  done_with_failures: {
    icon: AlertFillIcon,
    word: 'done, with failures',
    tone: 'bad',
  },
  held: { icon: PauseIcon, word: 'held', tone: 'pending' },
  skipped: { icon: CircleSlashIcon, word: 'skipped', tone: 'off' },
  // targets
  written: {
    icon: PencilIcon,
    word: 'written, no answer yet',
    tone: 'pending',
    means: 'The value is stored. The device has not been given it yet.',
  },
  acknowledged: {
    icon: ClockIcon,
    word: 'acknowledged',
    tone: 'pending',
    means: 'The device has taken it. It does not report the expected values yet.',
  },
  retry_wait: { icon: HourglassIcon, word: 'waits to try again', tone: 'pending' },
  timed_out: { icon: AlertFillIcon, word: 'timed out', tone: 'bad' },
  superseded: { icon: CircleSlashIcon, word: 'superseded', tone: 'off' },
  removed: { icon: CircleSlashIcon, word: 'removed', tone: 'off' },
  // supervisions
  resolving: { icon: SyncIcon, word: 'finds its devices', tone: 'accent' },
  open: { icon: DotFillIcon, word: 'open', tone: 'accent' },
  closed: { icon: CircleIcon, word: 'closed', tone: 'off' },
  valid: { icon: CheckCircleFillIcon, word: 'valid', tone: 'ok' },
  invalid: { icon: XCircleFillIcon, word: 'invalid', tone: 'bad' },
  unknown: {
    icon: QuestionIcon,
    word: 'unknown',
    tone: 'off',
    means: 'It has never said anything of its configuration.',
  },
  not_sent: { icon: CircleIcon, word: 'not sent', tone: 'pending' },
  sent: { icon: ClockIcon, word: 'sent', tone: 'pending', means: 'It was given to the device.' },
  fetched: { icon: CheckCircleFillIcon, word: 'fetched', tone: 'ok' },
  // parked messages
  undecided: {
    icon: AlertFillIcon,
    word: 'open',
    tone: 'bad',
    means: 'Somebody has to decide what becomes of it.',
  },
  replayed: { icon: CheckCircleFillIcon, word: 'replayed', tone: 'ok' },
  dropped: {
    icon: CircleSlashIcon,
    word: 'dropped',
    tone: 'off',
    means: 'It was decided that it is not processed any more.',
  },
  // rows of an import
  added: { icon: CheckCircleFillIcon, word: 'created', tone: 'ok' },
  updated: { icon: CheckCircleFillIcon, word: 'changed', tone: 'ok' },
  unchanged: { icon: CircleIcon, word: 'unchanged', tone: 'off' },
  would_add: { icon: CircleIcon, word: 'would be created', tone: 'accent' },
  would_update: { icon: CircleIcon, word: 'would be changed', tone: 'accent' },
  would_stay: { icon: CircleIcon, word: 'would stay as it is', tone: 'off' },
  would_fail: { icon: XCircleFillIcon, word: 'would fail', tone: 'bad' },
  found_faults: {
    icon: AlertFillIcon,
    word: 'rows would fail',
    tone: 'pending',
    means: 'It was only tried: nothing was done, and some rows would fail.',
  },
  dry_run: {
    icon: CircleIcon,
    word: 'dry run',
    tone: 'off',
    means: 'It says what would be done, and does nothing.',
  },
  // IoT Hubs
  hub_works: { icon: CheckCircleFillIcon, word: 'works', tone: 'ok' },
  hub_limited: {
    icon: HourglassIcon,
    word: 'at its limit',
    tone: 'pending',
    means: 'It may not be asked as often as there is something for it: what waits has its turn.',
  },
  hub_incomplete: {
    icon: AlertFillIcon,
    word: 'tells not everything',
    tone: 'bad',
    means: 'One of its routes seems missing.',
  },
  hub_refusing: {
    icon: XCircleFillIcon,
    word: 'refuses devices',
    tone: 'bad',
    means: 'It has not taken what is wanted in it. It is tried again.',
  },
  hub_away: {
    icon: XCircleFillIcon,
    word: 'not read',
    tone: 'bad',
    means: 'Nothing that its devices say comes here.',
  },
  hub_unknown: { icon: QuestionIcon, word: 'not known yet', tone: 'off', means: 'It was added just now.' },
  route_works: { icon: CheckCircleFillIcon, word: 'works', tone: 'ok' },
  route_checking: { icon: ClockIcon, word: 'being checked', tone: 'pending' },
  route_missing: {
    icon: XCircleFillIcon,
    word: 'seems missing',
    tone: 'bad',
    means: 'Something has happened in the hub of which it has not told.',
  },
  route_unknown: {
    icon: QuestionIcon,
    word: 'not known',
    tone: 'off',
    means: 'Nothing has happened of which it would have told.',
  },
  identity_made: { icon: CheckCircleFillIcon, word: 'as it is set here', tone: 'ok' },
  identity_due: {
    icon: ClockIcon,
    word: 'not in the hub yet',
    tone: 'pending',
    means: 'It waits for its turn at the hub.',
  },
  identity_failing: {
    icon: XCircleFillIcon,
    word: 'not taken by the hub',
    tone: 'bad',
    means: 'The hub has refused it. It is tried again.',
  },
  finding_open: { icon: CircleIcon, word: 'nothing yet', tone: 'pending' },
  finding_made: { icon: CheckCircleFillIcon, word: 'made again', tone: 'ok' },
  finding_mended: { icon: CheckCircleFillIcon, word: 'mended', tone: 'ok' },
  finding_adopted: { icon: CheckCircleFillIcon, word: 'taken in', tone: 'ok' },
  finding_removed: { icon: CircleSlashIcon, word: 'removed from the hub', tone: 'off' },
  finding_refused: { icon: XCircleFillIcon, word: 'refused', tone: 'bad' },
  // commands
  executed: { icon: CheckCircleFillIcon, word: 'executed', tone: 'ok' },
  expired: { icon: AlertFillIcon, word: 'expired', tone: 'bad', means: 'No answer came in its time.' },
  pending: { icon: ClockIcon, word: 'pending', tone: 'pending' },
};

export const stateOf = (name: string): State =>
  STATES[name] ?? { icon: QuestionIcon, word: name.replaceAll('_', ' '), tone: 'off' };

/** `word` where a state says more by another one; `quiet` where what else is known makes it nothing to look after. */
export const StateMark = ({
  state,
  word,
  quiet = false,
}: {
  readonly state: string;
  readonly word?: string;
  readonly quiet?: boolean;
}) => {
  const { icon: Shape, word: own, tone, means } = stateOf(state);
  return (
    <span className={`state state-${quiet ? 'off' : tone}`} title={means}>
      <Shape size={14} aria-hidden="true" /> {word ?? own}
    </span>
  );
};

/** `pending` says more of a configuration than of other things. */
export const syncState = (state: string | undefined): string =>
  state === 'pending' ? 'to_send' : (state ?? 'none');

/** Whether a device is there; over HTTP nobody knows. One that never came is not away: nothing of it was lost. */
export const connectionState = (connected: boolean | null, lastSeenAt: string | null): ConnectionState => {
  if (connected === true) return 'online';
  if (lastSeenAt === null) return 'never_seen';
  return connected === false ? 'offline' : 'no_connection';
};

export type ConnectionState = 'online' | 'offline' | 'no_connection' | 'never_seen';
