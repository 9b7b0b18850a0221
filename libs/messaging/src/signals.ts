import type { Msg } from '@nats-io/transport-node';
import type { SignalContract } from '@muster/contracts';
import type { Logger } from '@muster/observability';
import { partsOf, type Bus } from './bus.js';
import { invalidFields } from './invalid-fields.js';

/** Tells all processes that are there, this one among them. While the server is away it tells nobody. */
export const sendSignal = <Data extends object>(
  bus: Bus,
  { subject }: SignalContract<Data>,
  data: NoInfer<Data>,
): void => {
  const { link } = partsOf(bus);
  // While away, the client library would keep it and send it later, when it is true no more.
  if (link.isConnected()) link.connection.publish(subject, JSON.stringify(data));
};

/** `onSignal` must not throw, and must not take long. Returns what ends it. */
export const hearSignals = <Data extends object>(
  bus: Bus,
  { subject, data }: SignalContract<Data>,
  { logger, onSignal }: { readonly logger: Logger; readonly onSignal: (told: Data) => void },
): (() => void) => {
  const { connection } = partsOf(bus).link;
  const subscription = connection.subscribe(subject, {
    callback: (error, message) => {
      const told = error === null ? readIn(message) : undefined;
      const faults = invalidFields(data, told, 'ignore');
      if (faults.length === 0)
        onSignal(told as Data); // by its rules
      else logger.error({ subject, err: error ?? undefined, faults }, 'a signal cannot be read');
    },
  });
  return () => {
    if (!subscription.isClosed()) subscription.unsubscribe();
  };
};

const readIn = (message: Msg): unknown => {
  try {
    return message.json();
  } catch {
    return undefined;
  }
};
