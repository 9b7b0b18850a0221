import type { Schema } from '../api/client.js';

/** What reads the events of an integration on the command line, to be copied: replayed, and as they happen. */
export const commandsOf = ({
  name,
  natsUrl,
  apiPrefix,
  inboxPrefix,
  liveSubject,
  consumers,
}: Schema<'IntegrationAccess'>): readonly { readonly label: string; readonly command: string }[] => {
  const nats = `nats --server ${natsUrl} --creds ${name}.creds`;
  const [first] = consumers;
  return [
    ...(first === undefined
      ? []
      : [
          {
            label: 'Replay',
            command: `${nats} --js-api-prefix ${apiPrefix} --inbox-prefix ${inboxPrefix} consumer next ${first.stream} ${first.consumer} --count 10 --ack`,
          },
        ]),
    { label: 'Live', command: `${nats} sub '${liveSubject}'` },
  ];
};
