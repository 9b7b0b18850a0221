/** `Rules` */
export const RULES = Symbol('Rules');

export interface Rules {
  /** Those that devices of this installation can have. */
  readonly interfaces: readonly string[];
}
