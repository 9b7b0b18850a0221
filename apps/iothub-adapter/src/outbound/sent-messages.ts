import type { Database } from '@muster/event-store';

/** A command, by what the hub knows of it. */
export interface SentCommand {
  readonly hubDeviceId: string;
  readonly type: string;
  readonly number: number;
}

const PREFIX = 'muster';
const ID = new RegExp(`^${PREFIX}:([A-Za-z0-9_-]{1,64}):(\\d{1,10})$`);

/** The id of its message. Ids are told apart by the device beside it. */
export const messageIdOf = ({ type, number }: Pick<SentCommand, 'type' | 'number'>): string =>
  `${PREFIX}:${type}:${number}`;

/** Undefined: it was sent by somebody else. */
export const commandOfMessage = (hubDeviceId: string, messageId: string): SentCommand | undefined => {
  const [, type, number] = ID.exec(messageId) ?? [];
  return type === undefined ? undefined : { hubDeviceId, type, number: Number(number) };
};

/** A hub refuses a message that it would have to keep for more than two days, by its own clock. */
const MOST_MS = 47 * 3_600_000;

/** Until when a hub is to keep the message of a command. */
export const keptUntil = (expiresAt: string | undefined, now: number): Date =>
  new Date(Math.min(expiresAt === undefined ? Infinity : Date.parse(expiresAt), now + MOST_MS));

/**
 * Commands that were sent as messages: the hub gives them to the device, so nobody else does, until the hub tells that it could not,
 * or the command is over.
 */
export class SentMessages {
  constructor(private readonly database: Database) {}

  /** `unknown`: none of ours. `begun`: it is being sent, or whoever sent it was killed. */
  async stateOf(
    hubId: string,
    { hubDeviceId, type, number }: SentCommand,
  ): Promise<'unknown' | 'begun' | 'in hub'> {
    const { rows } = await this.database.query<{ in_hub: boolean }>({
      text: `SELECT in_hub FROM hub_messages WHERE hub_id = $1 AND hub_device_id = $2 AND type = $3 AND number = $4`,
      values: [hubId, hubDeviceId, type, number],
    });
    const [row] = rows;
    if (row === undefined) return 'unknown';
    return row.in_hub ? 'in hub' : 'begun';
  }

  /** Before it is sent, so that nothing that its hub tells of it comes too early. */
  async begin(hubId: string, { hubDeviceId, type, number }: SentCommand, expiresAt: Date): Promise<void> {
    await this.database.query({
      text: `INSERT INTO hub_messages (hub_id, hub_device_id, type, number, expires_at, in_hub) VALUES ($1, $2, $3, $4, $5, false)
             ON CONFLICT (hub_id, hub_device_id, type, number) DO UPDATE SET expires_at = excluded.expires_at`,
      values: [hubId, hubDeviceId, type, number, expiresAt],
    });
  }

  /** After it was sent: who is killed in between sends it again, and the device knows it by its id. */
  async sent(hubId: string, { hubDeviceId, type, number }: SentCommand): Promise<void> {
    await this.database.query({
      text: `UPDATE hub_messages SET in_hub = true
             WHERE hub_id = $1 AND hub_device_id = $2 AND type = $3 AND number = $4`,
      values: [hubId, hubDeviceId, type, number],
    });
  }

  async taken(hubId: string, { hubDeviceId, type, number }: SentCommand, at: string): Promise<void> {
    await this.database.query({
      text: `UPDATE hub_messages SET taken_at = $5
             WHERE hub_id = $1 AND hub_device_id = $2 AND type = $3 AND number = $4`,
      values: [hubId, hubDeviceId, type, number, at],
    });
  }

  /** The hub does not have it any more, and the device has not got it. */
  async forget(hubId: string, { hubDeviceId, type, number }: SentCommand): Promise<void> {
    await this.database.query({
      text: `DELETE FROM hub_messages WHERE hub_id = $1 AND hub_device_id = $2 AND type = $3 AND number = $4`,
      values: [hubId, hubDeviceId, type, number],
    });
  }

  /** Of commands that are over for a day: what became of them has been told, or is not to be known. */
  async forgetOld(): Promise<void> {
    await this.database.query(`DELETE FROM hub_messages WHERE expires_at < now() - interval '1 day'`);
  }

  /** Whether something is to be heard of messages in this hub. */
  async isAwaited(hubId: string): Promise<boolean> {
    const { rowCount } = await this.database.query({
      text: 'SELECT FROM hub_messages WHERE hub_id = $1 AND taken_at IS NULL LIMIT 1',
      values: [hubId],
    });
    return rowCount === 1;
  }

  /** Becomes, or stays, the one that reads the feedback of this hub for so long. */
  async hold(hubId: string, owner: string, seconds: number): Promise<boolean> {
    const { rowCount } = await this.database.query({
      text: `INSERT INTO hub_feedback_readers AS r (hub_id, owner, held_to) VALUES ($1, $2, now() + $3 * interval '1 second')
             ON CONFLICT (hub_id) DO UPDATE SET owner = excluded.owner, held_to = excluded.held_to
             WHERE r.owner = excluded.owner OR r.held_to < now()`,
      values: [hubId, owner, seconds],
    });
    return rowCount === 1;
  }

  /** Another one may read it. */
  async letGo(hubId: string, owner: string): Promise<void> {
    await this.database.query({
      text: 'DELETE FROM hub_feedback_readers WHERE hub_id = $1 AND owner = $2',
      values: [hubId, owner],
    });
  }
}
