import { Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { answered, api } from '../api/client.js';
import { problemOf } from '../api/problem.js';
import { hubDeviceQuery } from '../iot-hubs/iot-hubs.queries.js';
import { ActButton } from '../shared/act-button.js';
import { ActDialog } from '../shared/act-dialog.js';
import { AnchorLink } from '../shared/anchor-link.js';
import { Moment } from '../shared/moment.js';
import { Loaded, Nothing, Section } from '../shared/page.js';
import { ShownOnce } from '../shared/shown-once.js';
import { StateMark } from '../shared/state-mark.js';

/** No event says that an identity was made, or that somebody else has changed the twin. */
const EVERY_MS = 10_000;

/** A device of an IoT Hub as the hub knows it, and what somebody else has done to it there. */
export const InItsHub = ({ id }: { readonly id: string }) => {
  const inHub = useQuery({ ...hubDeviceQuery(id), refetchInterval: EVERY_MS });
  const [asking, setAsking] = useState(false);
  const isThere = inHub.data?.identity === 'made';
  return (
    <Section
      title="In its IoT Hub"
      actions={
        <ActButton
          needs="device"
          variant="default"
          disabled={!isThere}
          {...(isThere ? {} : { title: 'Its identity is not in the hub yet' })}
          onClick={() => setAsking(true)}
        >
          What it connects with …
        </ActButton>
      }
    >
      {inHub.isError && problemOf(inHub.error).code === 'iot-hub-device-not-found' ? (
        <Nothing why="It has no identity in a hub: it has no token that is active, or its hub was removed here." />
      ) : (
        <Loaded query={inHub}>
          {({ hub, hubId, hostName, hubDeviceId, identity, fault, faultAt, foreignChange }) => (
            <dl className="facts">
              <dt>Hub</dt>
              <dd className="anywhere">
                <AnchorLink to="/iot-hubs/$id" params={{ id: hubId }}>
                  {hub}
                </AnchorLink>{' '}
                <span className="dim">{hostName}</span>
              </dd>
              <dt>Its id there</dt>
              <dd className="anywhere">
                <code>{hubDeviceId}</code>
              </dd>
              <dt>Its identity</dt>
              <dd className="anywhere">
                <StateMark state={`identity_${identity}`} />
                {fault !== undefined && (
                  <>
                    {' '}
                    <Moment at={faultAt} />: {fault}
                  </>
                )}
              </dd>
              {foreignChange !== undefined && (
                <>
                  <dt>Changed by others</dt>
                  <dd className="anywhere">
                    <Moment at={foreignChange.at} />: <code>{foreignChange.keys.join(', ')}</code> in the
                    desired properties of its twin.{' '}
                    {foreignChange.undone
                      ? 'It was what is decided here, and was put back.'
                      : 'It is theirs, and stays.'}
                  </dd>
                </>
              )}
            </dl>
          )}
        </Loaded>
      )}
      {asking && (
        <ActDialog
          title="What it connects with"
          act="Show it"
          refreshes={['device', id, 'iot-hub']}
          run={() =>
            answered(
              api.POST('/api/v1/devices/{deviceId}/iot-hub/connection-string', {
                params: { path: { deviceId: id } },
              }),
            )
          }
          answer={({ connectionString }) => (
            <ShownOnce
              title="What it connects with"
              secrets={{ 'Connection string': connectionString }}
              again="It can be read again, each time from the hub."
              onClose={() => setAsking(false)}
            />
          )}
          onClose={() => setAsking(false)}
        >
          <Text>
            It is read from the hub, with the key of the device. That you have read it is on record.
          </Text>
        </ActDialog>
      )}
    </Section>
  );
};
