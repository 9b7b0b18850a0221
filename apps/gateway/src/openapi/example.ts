/** What an operation takes and answers, for instance. A spec holds both against the schemas of the operation. */
export interface Example {
  readonly request?: unknown;
  readonly response?: unknown;
  /** What `preview=true` answers. */
  readonly preview?: unknown;
}
