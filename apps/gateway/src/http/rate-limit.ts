import type { RequestHandler } from 'express';
import { ipKeyGenerator, rateLimit, type AugmentedRequest, type RateLimitInfo } from 'express-rate-limit';
import { AppError } from '@muster/contracts';
import { callerIn } from './caller.js';

/** Requests without a valid key, per minute and address: enough for people, too few to guess keys. */
export const STRANGERS_PER_MINUTE = 600;

/**
 * At most `perMinute` requests a minute from one caller, counted by this process. It keeps one runaway script from
 * taking the whole gateway; with several replicas each counts for itself.
 */
export const limitRate = (perMinute: number): RequestHandler =>
  rateLimit({
    windowMs: 60_000,
    limit: (_request, response) => (callerIn(response) === undefined ? STRANGERS_PER_MINUTE : perMinute),
    // Strangers by address, never by the key they sent: each wrong key would be a counter of its own.
    keyGenerator: (request, response) => {
      const caller = callerIn(response);
      return caller === undefined
        ? `ip ${ipKeyGenerator(request.ip ?? '')}`
        : `${caller.actor.kind} ${caller.actor.id}`;
    },
    standardHeaders: false,
    legacyHeaders: false,
    handler: (request, _response, next) => {
      const { limit, resetTime } = (request as AugmentedRequest)['rateLimit'] as RateLimitInfo; // set before this is called
      const waitMs = (resetTime?.getTime() ?? Date.now()) - Date.now();
      next(
        new AppError('too-many-requests', `At most ${limit} requests a minute are taken from one caller.`, {
          retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1_000)),
        }),
      );
    },
  });
