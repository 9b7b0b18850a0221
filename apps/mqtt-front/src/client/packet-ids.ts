/** The codec uses the absence of an id for packets that have none. */
export const idOf = ({ messageId = 0 }: { readonly messageId?: number }): number => messageId;

/** What became of a PUBLISH of QoS 2. */
const SENT = 1;
const RECEIVED = 2;

/**
 * Which packet ids a client uses for QoS 2, towards a broker that is given QoS 1: PUBLISH goes on once for each id, the
 * broker's PUBACK becomes PUBREC, and PUBREL ends it. A fixed 64 KB, and only for clients that use it.
 */
export class ExactlyOnce {
  private states: Uint8Array | undefined;

  /** `send`: for the first time. `acknowledge`: again, and the broker has it. `wait`: again, and its PUBACK is to come. */
  publish(messageId: number): 'send' | 'acknowledge' | 'wait' {
    this.states ??= new Uint8Array(65_536);
    const state = this.states[messageId];
    if (state === RECEIVED) return 'acknowledge';
    if (state === SENT) return 'wait';
    this.states[messageId] = SENT;
    return 'send';
  }

  /** The broker, or the front in its place, has taken it. True: it was QoS 2, so PUBREC is due. */
  taken(messageId: number): boolean {
    if (this.states?.[messageId] !== SENT) return false;
    this.states[messageId] = RECEIVED;
    return true;
  }

  /** False: its PUBREC is to come, so that nobody can have had it. */
  release(messageId: number): boolean {
    if (this.states?.[messageId] === SENT) return false;
    if (this.states !== undefined) this.states[messageId] = 0;
    return true;
  }
}

const MOST_OPEN = 100;

/** SUBSCRIBEs of which only some filters went on to the broker: its answer is merged with the front's. */
export class PartialSubscribes {
  private readonly open = new Map<number, readonly boolean[]>();

  /** `granted`: for each filter of the client, whether it went on. False: too many are without an answer. */
  sent(messageId: number, granted: readonly boolean[]): boolean {
    if (granted.every(Boolean)) return true;
    if (this.open.size >= MOST_OPEN) return false;
    this.open.set(messageId, granted);
    return true;
  }

  /** The codes for all filters of the client, in its order. */
  merge(messageId: number, codes: readonly number[], refused: number): readonly number[] {
    const granted = this.open.get(messageId);
    if (granted === undefined) return codes;
    this.open.delete(messageId);
    let next = 0;
    return granted.map((went) => {
      if (!went) return refused;
      next += 1;
      return codes[next - 1] ?? refused;
    });
  }
}
