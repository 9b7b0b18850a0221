import { Progress, Text } from '@mantine/core';
import { bytes } from './format.js';

/** How much of a file has gone out; when all has, the platform looks at it. */
export const Sending = ({ file, share }: { readonly file: File; readonly share: number }) => (
  <div role="status">
    <Text c="dimmed">
      {share < 1
        ? `Sending ${bytes(file.size)}: ${Math.floor(share * 100)} % …`
        : 'All of it is sent; the platform looks at it …'}
    </Text>
    <Progress value={share * 100} size="sm" aria-label="Sent" />
  </div>
);
