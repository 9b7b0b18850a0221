/** `userKey` is the public key of the user on NATS; the credentials are stored nowhere but in the reply of an Idempotency-Key. */
export interface IntegrationCreated {
  readonly type: 'IntegrationCreated';
  readonly data: {
    readonly name: string;
    /** Absent: all, those that come later too. */
    readonly services?: readonly string[];
    /** `now`, `beginning`, or a time. */
    readonly from: string;
    readonly userKey: string;
    readonly createdAt: string;
  };
}

export interface CredentialsRenewed {
  readonly type: 'CredentialsRenewed';
  readonly data: {
    readonly name: string;
    readonly userKey: string;
    readonly revoked: string;
    readonly renewedAt: string;
  };
}

/** What it is called and reads from then on. */
export interface IntegrationEdited {
  readonly type: 'IntegrationEdited';
  readonly data: {
    readonly name: string;
    /** Null: all, those that come later too. */
    readonly services: readonly string[] | null;
    readonly editedAt: string;
  };
}

export interface IntegrationDeleted {
  readonly type: 'IntegrationDeleted';
  readonly data: { readonly name: string; readonly revoked: string; readonly deletedAt: string };
}

export type IntegrationEvent =
  IntegrationCreated | IntegrationEdited | CredentialsRenewed | IntegrationDeleted;
