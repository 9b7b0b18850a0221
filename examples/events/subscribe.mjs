// node subscribe.mjs integration.json     the file is the answer of POST /api/v1/integrations
import { readFileSync } from 'node:fs';
import { jetstream } from '@nats-io/jetstream';
import { connect, credsAuthenticator } from '@nats-io/transport-node';

// Whoever reads this may have enough: `| head`. What was not acknowledged comes again to the next reader.
process.stdout.on('error', ({ code }) => process.exit(code === 'EPIPE' ? 0 : 1));

const integration = JSON.parse(readFileSync(process.argv[2] ?? 'integration.json', 'utf8'));
const nats = await connect({
  servers: integration.natsUrl,
  authenticator: credsAuthenticator(new TextEncoder().encode(integration.credentials)),
  inboxPrefix: integration.inboxPrefix,
  maxReconnectAttempts: -1,
});
const { consumers } = jetstream(nats, { apiPrefix: integration.apiPrefix });

const follow = async ({ stream, consumer }) => {
  const reader = await consumers.get(stream, consumer);
  const events = await reader.consume({ max_messages: 100 });
  // What is here already is still done: else it comes again only after a minute, behind newer events.
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => events.close());
  for await (const event of events) {
    const [id, type, schema] = ['ce-id', 'ce-type', 'ce-dataschema'].map((name) => event.headers.get(name));
    console.log(JSON.stringify({ id, type, schema, data: event.json() })); // your work; it may come twice
    event.ack(); // only now is it done
  }
};
await Promise.all(integration.consumers.map(follow));
if (!nats.isClosed()) await nats.drain();
const fault = await nats.closed();
if (fault) throw fault; // such as a credential that was cut off
