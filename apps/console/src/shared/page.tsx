import { Group, Skeleton, Text, Title } from '@mantine/core';
import { useEffect, useState, type ReactNode } from 'react';
import type { UseQueryResult } from '@tanstack/react-query';
import { problemOf } from '../api/problem.js';
import { OwnMoment } from './moment.js';
import { ProblemView } from './problem-view.js';

/** The heading of a page, which is also the title of its tab. */
export const PageHeader = ({
  title,
  above,
  beside,
  actions,
}: {
  readonly title: string;
  readonly above?: ReactNode;
  readonly beside?: ReactNode;
  readonly actions?: ReactNode;
}) => {
  useEffect(() => {
    document.title = `${title} · Muster`;
    // What comes next may be refused, and has no heading then: the tab does not go on being called as what was left.
    return () => {
      document.title = 'Muster';
    };
  }, [title]);
  return (
    <div className="page-header">
      {above}
      <Group justify="space-between" gap="sm">
        <Group gap="sm" className="grow">
          <Title order={1} className="anywhere">
            {title}
          </Title>
          {beside}
        </Group>
        <Group gap={6}>{actions}</Group>
      </Group>
    </div>
  );
};

/**
 * What a query is at: the shape of what comes, after 150 ms, so that what is quick does not flicker; why it was refused;
 * or what it answered, which stays when the platform goes away, with a word since when it is old.
 */
export const Loaded = <T,>({
  query,
  children,
  rows = 4,
}: {
  readonly query: UseQueryResult<T>;
  readonly children: (data: T) => ReactNode;
  readonly rows?: number;
}) => {
  if (query.data === undefined) {
    return query.isError ? (
      <ProblemView error={query.error} retry={() => void query.refetch()} />
    ) : (
      <Shape rows={rows} />
    );
  }
  return (
    <>
      {query.isError && (
        <Stale error={query.error} since={query.dataUpdatedAt} retry={() => void query.refetch()} />
      )}
      {children(query.data)}
    </>
  );
};

/** What is shown is old, since when, and why nothing newer can be read. */
export const Stale = ({
  error,
  since,
  retry,
}: {
  readonly error: unknown;
  readonly since: number;
  readonly retry: () => void;
}) => {
  const isGone = problemOf(error).status === 404;
  return (
    <div className="stale">
      <ProblemView
        error={error}
        retry={retry}
        title={isGone ? 'It is not there any more' : 'This may be old'}
      />
      <Text c="dimmed">
        {isGone ? 'What is shown is how it was. ' : ''}Last read <OwnMoment at={since} />.
      </Text>
    </div>
  );
};

/** The shape of what comes. */
export const Shape = ({ rows }: { readonly rows: number }) => {
  const late = useLater(150);
  return (
    <div aria-busy="true" aria-live="polite" className="shape">
      <span className="visually-hidden">Loading</span>
      {late && Array.from({ length: rows }, (_, index) => <Skeleton key={index} height={22} mb={10} />)}
    </div>
  );
};

const useLater = (ms: number): boolean => {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), ms);
    return () => clearTimeout(timer);
  }, [ms]);
  return late;
};

/** Why there is nothing, and what to do about it. */
export const Nothing = ({ why, children }: { readonly why: string; readonly children?: ReactNode }) => (
  <div className="nothing">
    <Text c="dimmed">{why}</Text>
    {children !== undefined && (
      <Group justify="center" mt="sm">
        {children}
      </Group>
    )}
  </div>
);

export const Section = ({
  title,
  actions,
  children,
}: {
  readonly title: string;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}) => (
  <section className="section" aria-label={title}>
    <Group justify="space-between" mb={8}>
      <Title order={2}>{title}</Title>
      <Group gap={6}>{actions}</Group>
    </Group>
    {children}
  </section>
);
