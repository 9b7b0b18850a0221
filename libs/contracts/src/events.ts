export {
  eventSchemas,
  liveSubject,
  publishedContracts,
  publishedStreams,
  type PublishedStream,
} from './published-events.js';
export { eventsAsyncApi } from './events-asyncapi.js';
