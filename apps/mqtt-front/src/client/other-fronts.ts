import { randomUUID } from 'node:crypto';
import { clientCame, sessionKnown, type ClientCame } from '@muster/contracts/mqtt-front/signals';
import { hearSignals, sendSignal, type Bus } from '@muster/messaging';
import type { Logger } from '@muster/observability';
import type { Clients } from './clients.js';
import type { KeptSessions } from './kept-sessions.js';

/**
 * Fronts tell each other who comes to which of them, before the broker is asked. The broker ends the client's connection to
 * another front, and says to a client of MQTT 3 no more than that it is closed: by this the other front knows it for taken over.
 * What that one knows of the client's session goes along. Nothing depends on it but the word for an end, and bounds.
 */
export class OtherFronts {
  private readonly front = randomUUID();
  private readonly stops: readonly (() => void)[];

  constructor(
    private readonly bus: Bus,
    logger: Logger,
    private readonly here: {
      readonly clients: Pick<Clients, 'cameElsewhere'>;
      readonly sessions: Pick<KeptSessions, 'learn' | 'giveAway'>;
    },
  ) {
    const { sessions } = here;
    this.stops = [
      hearSignals(bus, clientCame, { logger, onSignal: (told) => this.hear(told) }),
      hearSignals(bus, sessionKnown, {
        logger,
        onSignal: ({ front, deviceId, brokerId, filters }) => {
          if (front === this.front) sessions.learn(deviceId, brokerId, filters);
        },
      }),
    ];
  }

  /** A client comes here. */
  tell(client: Omit<ClientCame, 'front'>): void {
    sendSignal(this.bus, clientCame, { front: this.front, ...client });
  }

  stop(): void {
    for (const stop of this.stops) stop();
  }

  private hear({ front, deviceId, brokerId, keepsSession }: ClientCame): void {
    if (front === this.front) return;
    this.here.clients.cameElsewhere(brokerId);
    const filters = [...this.here.sessions.giveAway(deviceId, brokerId)];
    if (keepsSession && filters.length > 0)
      sendSignal(this.bus, sessionKnown, { front, deviceId, brokerId, filters });
  }
}
