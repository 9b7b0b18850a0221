/** Of REST calls. Without `method` or `path`, all; `path` is a begin, as `/twins/`. */
interface OfCalls {
  readonly method?: string;
  readonly path?: string;
}

/** Something that goes wrong, or slowly, on purpose. */
export type Fault = { readonly times?: number } & (
  | (OfCalls & {
      readonly kind: 'rest-error';
      readonly status: number;
      /** In `iothub-errorcode` and the body. Default: `ServerError`. */
      readonly code?: string;
      readonly retryAfterSeconds?: number;
      /** The call is carried out, and then answered with the error. */
      readonly afterwards?: boolean;
    })
  | (OfCalls & { readonly kind: 'rest-delay'; readonly ms: number })
  /** The connection is cut without an answer. */
  | (OfCalls & { readonly kind: 'rest-drop'; readonly afterwards?: boolean })
  /** A link is refused whose address contains `address`. */
  | {
      readonly kind: 'attach-error';
      readonly address: string;
      readonly condition: string;
      readonly description?: string;
    }
  /** A question over AMQP is not answered; `address` is `$cbs`, or a part of the `$management` that is asked. */
  | { readonly kind: 'amqp-silence'; readonly address: string }
  /** Events come into their partition so much later. */
  | { readonly kind: 'event-delay'; readonly ms: number; readonly deviceId?: string }
  /** Events come twice, the second time with a number of its own. */
  | { readonly kind: 'event-duplicate'; readonly deviceId?: string }
  /** A partition takes events in, and gives none out. */
  | { readonly kind: 'partition-hold'; readonly partitionId: string }
  /** Signatures are held against a clock that is so much ahead (or, negative, behind). */
  | { readonly kind: 'clock-skew'; readonly ms: number }
);

export type FaultKind = Fault['kind'];
type Of<K extends FaultKind> = Extract<Fault, { readonly kind: K }>;

export const FAULT_KINDS: readonly FaultKind[] = [
  'rest-error',
  'rest-delay',
  'rest-drop',
  'attach-error',
  'amqp-silence',
  'event-delay',
  'event-duplicate',
  'partition-hold',
  'clock-skew',
];

export interface ActiveFault {
  readonly id: number;
  readonly fault: Fault;
  /** How often it has struck. */
  readonly struck: number;
}

/** Which faults there are. One with `times` is gone after it struck so often. */
export class Faults {
  private active: { id: number; fault: Fault; struck: number }[] = [];
  private nextId = 1;

  constructor(private readonly onChange: () => void = () => undefined) {}

  add(fault: Fault): ActiveFault {
    const added = { id: this.nextId++, fault, struck: 0 };
    this.active.push(added);
    this.onChange();
    return added;
  }

  /** False: there is none of this number any more. */
  remove(id: number): boolean {
    const before = this.active.length;
    this.active = this.active.filter((one) => one.id !== id);
    this.onChange();
    return this.active.length < before;
  }

  clear(): void {
    this.active = [];
    this.onChange();
  }

  list(): readonly ActiveFault[] {
    return this.active.map((one) => ({ ...one }));
  }

  /** The oldest fault of the kind that applies; it has struck now. */
  strike<K extends FaultKind>(kind: K, applies: (fault: Of<K>) => boolean = () => true): Of<K> | undefined {
    const found = this.active.find((one) => one.fault.kind === kind && applies(one.fault as Of<K>));
    if (found === undefined) return undefined;
    found.struck += 1;
    if (found.fault.times !== undefined && found.struck >= found.fault.times) this.remove(found.id);
    return found.fault as Of<K>;
  }

  /** Of those that last and do not strike. */
  of<K extends FaultKind>(kind: K): readonly Of<K>[] {
    return this.active.map(({ fault }) => fault).filter((fault): fault is Of<K> => fault.kind === kind);
  }
}
