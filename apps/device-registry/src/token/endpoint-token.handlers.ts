import { Controller, Inject } from '@nestjs/common';
import { AppError, DEFAULT_PAGE, newId, tokenHint, type Done } from '@muster/contracts';
import {
  deleteToken,
  editToken,
  getToken,
  issueToken,
  listTokens,
  type DeleteToken,
  type EditToken,
  type IssuedToken,
  type IssueToken,
  type ListTokens,
  type TokenList,
  type TokenRef,
  type TokenView,
} from '@muster/contracts/device-registry/tokens.requests';
import { idempotently, type Database, type EventStore, type Queryable } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { DATABASE, decodeCursor, EVENT_STORE, pageBy, TEXT } from '@muster/service-host';
import { settingsOf, viewDevice } from '../device/device-list.projection.js';
import { device } from '../device/device.decider.js';
import { countTokens, findToken, tokensOf } from './endpoint-token.projection.js';
import { keepTokenText, tokenTextFor } from './token-text.js';

@Controller()
export class EndpointTokenHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
  ) {}

  @Handles(issueToken)
  issue(request: IssueToken): Promise<IssuedToken> {
    const { tenantId, actor, deviceId, idempotencyKey } = request;
    return idempotently<IssuedToken>(this.database, {
      tenantId,
      key: idempotencyKey,
      body: { operation: issueToken.subject, request },
      run: async (tx) => {
        const tokenId = newId();
        const settings = await settingsOf(tx, tenantId, deviceId);
        const text = tokenTextFor(settings, request.token, 'token');
        // Null in an optional field passes the contract's rules and means the same as absent.
        const { validFrom, validUntil } = request;
        const at = new Date().toISOString();
        await this.store.execute(device, {
          tenantId,
          id: deviceId,
          metadata: { actor },
          within: tx,
          command: {
            type: 'IssueToken',
            tokenId,
            hint: tokenHint(text),
            ...(validFrom == null ? {} : { validFrom }),
            ...(validUntil == null ? {} : { validUntil }),
            at,
          },
        });
        await keepTokenText(tx, { tenantId, deviceId, tokenId, text });
        return { ...(await tokenOf(tx, tenantId, deviceId, tokenId)), token: text };
      },
      kept: (issued) => ({ ...issued, token: undefined }),
    });
  }

  @Handles(listTokens)
  async list({ tenantId, deviceId, cursor, count, ...request }: ListTokens): Promise<TokenList> {
    const limit = request.limit ?? DEFAULT_PAGE;
    const [after] = decodeCursor('tokens', cursor, [TEXT]) ?? [];
    const found = await tokensOf(this.database, tenantId, deviceId, { after, limit: limit + 1 });
    if (found.length === 0) await viewDevice(this.database, tenantId, deviceId); // throws when there is no such device
    return {
      ...pageBy('tokens', found, limit, ({ id }) => [id]),
      ...(count === true ? { total: await countTokens(this.database, tenantId, deviceId) } : {}),
    };
  }

  @Handles(getToken)
  async get({ tenantId, deviceId, tokenId }: TokenRef): Promise<TokenView> {
    const found = await findToken(this.database, tenantId, deviceId, tokenId);
    if (found !== undefined) return found;
    await viewDevice(this.database, tenantId, deviceId); // throws when there is no such device
    throw new AppError('token-not-found', 'The device has no such token.');
  }

  @Handles(deleteToken)
  async delete({ tenantId, actor, deviceId, tokenId }: DeleteToken): Promise<Done> {
    await this.get({ tenantId, deviceId, tokenId }); // throws when there is none
    await this.store.execute(device, {
      tenantId,
      id: deviceId,
      metadata: { actor },
      command: { type: 'RemoveToken', tokenId },
    });
    return {};
  }

  /** Without `expectedVersion`: a status is final or replaces another, whatever else of the device has changed. */
  @Handles(editToken)
  async edit({ tenantId, actor, deviceId, tokenId, edit }: EditToken): Promise<TokenView> {
    await this.store.execute(device, {
      tenantId,
      id: deviceId,
      metadata: { actor },
      command: { type: 'EditToken', tokenId, ...edit, at: new Date().toISOString() },
    });
    return tokenOf(this.database, tenantId, deviceId, tokenId);
  }
}

const tokenOf = async (
  from: Queryable,
  tenantId: string,
  deviceId: string,
  tokenId: string,
): Promise<TokenView> => {
  const found = await findToken(from, tenantId, deviceId, tokenId);
  if (found === undefined) throw new AppError('device-not-found', 'There is no such device.');
  return found;
};
