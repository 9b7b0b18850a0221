import { Alert, Button, CopyButton, Group, Text } from '@mantine/core';
import { AlertIcon } from '@primer/octicons-react';
import { isOpen, problemOf, SESSION_ENDED, type Problem } from '../api/problem.js';

/** What was refused or went wrong, in the platform's own words, with what finds it in the logs. */
export const ProblemView = ({
  error,
  retry,
  title,
  ofAct = false,
  atSignIn = false,
}: {
  readonly error: unknown;
  readonly retry?: () => void;
  readonly title?: string;
  /** It was an act, of which it may not be known whether it was done. */
  readonly ofAct?: boolean;
  /** It was the key that was refused. */
  readonly atSignIn?: boolean;
}) => {
  if (error === undefined || error === null) return null;
  const answer = problemOf(error);
  const problem = answer.status === 401 && !atSignIn ? { ...answer, ...SESSION_ENDED } : answer;
  return (
    <Alert
      role="alert"
      variant="outline"
      className="problem"
      icon={<AlertIcon size={16} aria-hidden="true" />}
      title={title ?? problem.title}
    >
      <Text className="anywhere">{problem.detail}</Text>
      {ofAct && isOpen(problem) && (
        <Text>Whether it was done is not known: look before you try it again.</Text>
      )}
      {problem.errors !== undefined && problem.errors.length > 0 && (
        <ul className="plain-list">
          {problem.errors.map(({ path, message }) => (
            <li key={path + message}>
              <code>{path}</code> {message}
            </li>
          ))}
        </ul>
      )}
      <Group gap="xs" mt={6}>
        {retry !== undefined && (
          <Button variant="default" onClick={retry}>
            Try again
          </Button>
        )}
        <TraceId problem={problem} />
      </Group>
    </Alert>
  );
};

const TraceId = ({ problem: { traceId } }: { readonly problem: Problem }) =>
  traceId === undefined ? null : <TraceCopy traceId={traceId} />;

export const TraceCopy = ({ traceId }: { readonly traceId: string }) => (
  <CopyButton value={traceId}>
    {({ copied, copy }) => (
      <Button
        variant="subtle"
        color="gray"
        size="compact-xs"
        onClick={copy}
        className="mono"
        title="Finds it in the logs"
      >
        {copied ? 'copied' : `trace ${traceId.slice(0, 12)}… copy`}
      </Button>
    )}
  </CopyButton>
);
