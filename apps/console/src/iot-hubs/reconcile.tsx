import { Radio, Select, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { answered, api } from '../api/client.js';
import { faultAt } from '../api/problem.js';
import { ActDialog } from '../shared/act-dialog.js';
import { useTypeNames } from './hub-dialogs.js';
import type { Hub } from './iot-hubs.queries.js';

type Way = 'look' | 'report' | 'adopt' | 'remove';

const WAYS: Readonly<Record<Way, { readonly label: string; readonly description: string }>> = {
  look: {
    label: 'Only look',
    description: 'Nothing is done, here or in the hub: what differs is listed.',
  },
  report: {
    label: 'Mend what is ours',
    description:
      'Devices of here that are missing in the hub are made again, with another key, and those that are different are set as they are here. Unknown ones are only listed.',
  },
  adopt: {
    label: 'Mend what is ours, and take unknown ones in',
    description: 'Each identity that no device here has becomes a device; its key or certificate stays.',
  },
  remove: {
    label: 'Mend what is ours, and remove unknown ones from the hub',
    description: 'Each identity that no device here has is gone, and cannot connect any more.',
  },
};

/** Brings the hub and the devices here together, as a job. It begins with looking. */
export const Reconcile = ({
  hub: { id, name, deviceTypes },
  nameOf,
  onStarted,
  onClose,
}: {
  readonly hub: Hub;
  readonly nameOf: (typeId: string) => string;
  readonly onStarted: (jobId: string) => void;
  readonly onClose: () => void;
}) => {
  const [way, setWay] = useState<Way>('look');
  const [deviceType, setDeviceType] = useState<string | null>(null);
  const { names } = useTypeNames();
  return (
    <ActDialog
      title={`Reconcile ${name}`}
      act={way === 'look' ? 'Look' : 'Reconcile'}
      danger={way === 'remove'}
      {...(way === 'remove' ? { toType: name } : {})}
      refreshes={['iot-hubs', id, 'findings']}
      isReady={way !== 'adopt' || deviceType !== null}
      run={(key) =>
        answered(
          api.POST('/api/v1/iot-hubs/{id}/reconcile', {
            params: { path: { id }, header: { 'Idempotency-Key': key } },
            body:
              way === 'look'
                ? { dryRun: true }
                : { unknown: way, ...(way === 'adopt' && deviceType !== null ? { deviceType } : {}) },
          }),
        )
      }
      onDone={({ jobId }) => onStarted(jobId)}
      onClose={onClose}
    >
      {(problem) => (
        <>
          <Radio.Group
            label="What is to be done"
            value={way}
            onChange={setWay}
            error={faultAt(problem, 'unknown')}
          >
            <Stack gap={8} mt={6}>
              {(Object.keys(WAYS) as Way[]).map((value) => (
                <Radio key={value} value={value} {...WAYS[value]} />
              ))}
            </Stack>
          </Radio.Group>
          {way === 'adopt' && (
            <Select
              required
              searchable
              label="Device type"
              data={deviceTypes.length === 0 ? names : deviceTypes.map(nameOf)}
              value={deviceType}
              onChange={setDeviceType}
              error={faultAt(problem, 'deviceType')}
              nothingFoundMessage="No such type"
            />
          )}
          <Text c="dimmed">
            It walks all identities of the hub and all devices of it, at the hub’s pace: 2,000 a minute for
            one unit of S1. It is a job, and goes on when this page is closed.
          </Text>
        </>
      )}
    </ActDialog>
  );
};
