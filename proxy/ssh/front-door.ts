import type { AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/log.ts';
import { plainAddress } from '../../shared/network.ts';
import type { ServeSshOptions } from '../../shared/ssh/server-connection.ts';
import type { Operators } from '../accounts/operators.ts';
import type { Refusals } from '../accounts/refusals.ts';
import type { SignIn } from '../accounts/sign-in.ts';
import type { Admission } from '../tunnels/admission.ts';
import type { Relays } from '../tunnels/relays.ts';
import { answerSession, relayToHost } from './channels.ts';
import { FrontDoorSignIn, SIGN_IN_METHODS } from './front-door-sign-in.ts';

/** A person must find the authenticator and type the code in this time. */
const LOGIN_GRACE_MS = 120_000;
/** Refused offers of keys count as tries, and agents of people with many keys offer them all. */
const AUTH_TRIES_LIMIT = 12;

/** What the proxy's SSH server needs. */
export interface FrontDoorParts {
  /** Ed25519 private key in OpenSSH format. */
  readonly hostKey: string;
  /** The line to paste that reaches a host through this proxy, for those who ask for a shell here. */
  readonly jumpLine: () => string;
  readonly operators: Operators;
  readonly signIn: SignIn;
  readonly refusals: Refusals;
  readonly admission: Admission;
  readonly relays: Relays;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * How the proxy's SSH server treats a client from this address: sign in, then nothing but channels to
 * `HOST.BASTION`. It is the first hop of `ssh -J`; the second one ends at the bastion, and the proxy reads none of it.
 */
export function frontDoor(parts: FrontDoorParts, from: { readonly address: string }): ServeSshOptions {
  const source = plainAddress(from.address);
  const signIn = new FrontDoorSignIn(parts, source);
  return {
    hostKey: parts.hostKey,
    loginGraceMs: LOGIN_GRACE_MS,
    maxAuthTries: AUTH_TRIES_LIMIT,
    authMethods: SIGN_IN_METHODS,
    certificates: true,
    clock: parts.clock,
    log: parts.log,
    onAuth: (attempt, connection) => signIn.decide(attempt, (text) => connection.sendBanner(text)),
    onDirectTcpip: (open, connection) => {
      const { operator } = signIn;
      if (operator === undefined) return open.refuse('Sign in first.');
      return relayToHost(parts, open, {
        operator,
        source,
        signal: connection.signal,
        disconnect: (sentence) => connection.disconnect(sentence),
      });
    },
    onSession: (open) => answerSession(parts, open, { operator: signIn.operator?.username, source }),
    onClose: (reason) => {
      parts.log.debug({ source, operator: signIn.operator?.username, reason }, 'an SSH connection has ended');
      signIn.closed().catch((error: unknown) => {
        parts.log.error({ err: error }, 'the refusal of an SSH client was not stored');
      });
    },
  };
}
