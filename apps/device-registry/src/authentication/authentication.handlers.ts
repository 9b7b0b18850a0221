import { Controller, Inject } from '@nestjs/common';
import { AppError } from '@muster/contracts';
import {
  authenticateDevice,
  checkCredentials,
  type AuthenticatedDevice,
  type AuthenticateDevice,
  type CheckCredentials,
  type CheckedCredentials,
} from '@muster/contracts/device-registry/credentials.requests';
import { Handles } from '@muster/messaging';
import { Authentication } from './authentication.js';

@Controller()
export class AuthenticationHandlers {
  constructor(@Inject(Authentication) private readonly authentication: Authentication) {}

  @Handles(authenticateDevice)
  authenticate(request: AuthenticateDevice): Promise<AuthenticatedDevice> {
    // Null in an optional field passes the contract's rules and means the same as absent.
    const { password, certificate } = request;
    if ((password == null) === (certificate == null)) {
      const message = 'must be given, or certificate instead of it';
      throw new AppError('invalid-request', `password ${message}.`, {
        errors: [{ path: 'password', message }],
      });
    }
    return password == null
      ? this.authentication.byCertificate(certificate?.chain ?? [], request)
      : this.authentication.byPassword(password, request);
  }

  @Handles(checkCredentials)
  async check(request: CheckCredentials): Promise<CheckedCredentials> {
    return { open: await this.authentication.check(request) };
  }
}
