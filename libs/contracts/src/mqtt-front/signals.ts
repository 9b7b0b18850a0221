import { ArrayMaxSize, IsArray, IsBoolean, IsString, Length } from 'class-validator';
import { defineSignal } from '../contract.js';

/** More than a client may be subscribed to, by any configuration. */
const MAX_FILTERS = 10_000;

/** A client of a device has come to a front, which is about to ask the broker for it. */
export class ClientCame {
  /** To which. */
  @IsString()
  @Length(1, 64)
  front!: string;

  @IsString()
  @Length(1, 64)
  deviceId!: string;

  /** The client's id at the broker, which knows one connection by it: an earlier one, to whichever front, ends. */
  @IsString()
  @Length(1, 255)
  brokerId!: string;

  /** Whether its session is to be kept when it leaves. */
  @IsBoolean()
  keepsSession!: boolean;
}

export const clientCame = defineSignal({
  subject: 'muster.v1.signal.mqtt-front.client.came',
  data: ClientCame,
});

/** What the front at which a client was last knows of its session. */
export class SessionKnown {
  /** For whom this is. */
  @IsString()
  @Length(1, 64)
  front!: string;

  @IsString()
  @Length(1, 64)
  deviceId!: string;

  @IsString()
  @Length(1, 255)
  brokerId!: string;

  /** What it is subscribed to. */
  @IsArray()
  @ArrayMaxSize(MAX_FILTERS)
  @IsString({ each: true })
  filters!: string[];
}

export const sessionKnown = defineSignal({
  subject: 'muster.v1.signal.mqtt-front.session.known',
  data: SessionKnown,
});
