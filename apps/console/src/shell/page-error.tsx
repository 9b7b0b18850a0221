import { Button, Group } from '@mantine/core';
import type { ErrorComponentProps } from '@tanstack/react-router';
import { AnchorLink } from '../shared/anchor-link.js';
import { PageHeader } from '../shared/page.js';
import { ProblemView } from '../shared/problem-view.js';

/** In the place of a page that broke. The frame around it stays. */
export const PageError = ({ error, reset }: ErrorComponentProps) => (
  <div className="page">
    <PageHeader title="This page broke" />
    <ProblemView error={error} retry={reset} />
    <Group mt="md">
      <Button variant="default" onClick={() => location.reload()}>
        Load the console anew
      </Button>
    </Group>
  </div>
);

export const NotFound = () => (
  <div className="page">
    <PageHeader title="There is no such page" />
    <AnchorLink to="/">To the start page</AnchorLink>
  </div>
);
