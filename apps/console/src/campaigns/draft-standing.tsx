import { Text } from '@mantine/core';
import { ProblemView } from '../shared/problem-view.js';

/** What stands against saving a step of a draft: somebody has changed or deleted it meanwhile, or the platform refuses. */
export const DraftStanding = ({
  isChanged,
  isGone,
  error,
}: {
  readonly isChanged: boolean;
  readonly isGone: boolean;
  readonly error: unknown;
}) => (
  <>
    {isGone ? (
      <Text role="alert" className="state-bad">
        Somebody has deleted the draft after you opened this. Nothing of yours is saved; it is still here, and
        can be saved as a new draft.
      </Text>
    ) : (
      isChanged && (
        <Text role="alert" className="state-bad">
          Somebody was faster: the draft was changed after you opened this. Nothing of yours is saved yet.
          What you have not touched here stays as theirs.
        </Text>
      )
    )}
    <ProblemView error={error} />
  </>
);

/** What the button says that saves. */
export const saveText = (
  { isGone, isChanged }: { readonly isGone: boolean; readonly isChanged: boolean },
  otherwise: string,
): string => (isGone ? 'Save as a new draft' : isChanged ? 'Save mine over it' : otherwise);
