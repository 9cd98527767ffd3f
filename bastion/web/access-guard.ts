import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Actor } from '../../shared/audit/event.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { AdminAccounts } from '../admins/admin-accounts.ts';
import { type AdminRole, roleIncludes } from '../admins/role.ts';

/**
 * The `__Host-` prefix makes browsers insist on Secure, path `/` and no domain, so that no other host and no plain
 * HTTP page of the same name can plant it.
 */
export const SESSION_COOKIE = '__Host-drawbridge';

/** Requests that the page makes by itself carry this, so that an open page alone never puts off the idle sign-out. */
export const BACKGROUND_HEADER = 'x-drawbridge-background';

/** Methods that change nothing and therefore need no protection from other sites. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Who makes a request, and how they showed it. */
export interface Caller {
  readonly actor: Actor;
  readonly name: string;
  readonly role: AdminRole;
  readonly via:
    | {
        readonly kind: 'cookie';
        readonly secret: string;
        readonly sessionId: string;
        readonly expiresAtMs: number;
        readonly provided: boolean;
      }
    | { readonly kind: 'token'; readonly secret: string };
}

/** Decides who a request comes from and whether they may make it. */
export class AccessGuard {
  readonly #admins: AdminAccounts;
  readonly #callers = new WeakMap<FastifyRequest, Caller>();

  constructor(admins: AdminAccounts) {
    this.#admins = admins;
  }

  /**
   * A hook that lets only callers of at least this role through.
   * It refuses with `login.required`, `request.role`, `request.cross_site` or `request.not_json`.
   */
  require(role: AdminRole): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
    return async (request) => {
      const caller = await this.#identify(request);
      if (caller === undefined) {
        throw new DrawbridgeError('login.required', 'You are not signed in, or your sign-in has ended.', {
          hint: 'Sign in again.',
        });
      }
      if (caller.via.kind === 'cookie') refuseOtherSites(request);
      if (!roleIncludes(caller.role, role)) {
        throw new DrawbridgeError(
          'request.role',
          `This needs the role "${role}"; yours is "${caller.role}".`,
          {
            hint: 'Ask an administrator of this bastion.',
          },
        );
      }
      this.#callers.set(request, caller);
    };
  }

  /** Who got through {@link require}. */
  callerOf(request: FastifyRequest): Caller {
    const caller = this.#callers.get(request);
    if (caller === undefined) throw new Error('a route reads its caller without having asked for one');
    return caller;
  }

  /** Whether what `caller` showed still counts; for streams that outlive the check at their start. */
  async isStillIn(caller: Caller): Promise<boolean> {
    const found =
      caller.via.kind === 'cookie'
        ? await this.#admins.sessions.find(caller.via.secret, false)
        : await this.#admins.tokens.find(caller.via.secret);
    return found !== undefined;
  }

  async #identify(request: FastifyRequest): Promise<Caller | undefined> {
    const authorization = request.headers.authorization;
    if (authorization !== undefined) {
      const secret = /^Bearer ([\w-]{1,200})$/i.exec(authorization)?.[1];
      const token = secret === undefined ? undefined : await this.#admins.tokens.find(secret);
      if (secret === undefined || token === undefined) return undefined;
      const { name, role } = token;
      return { actor: `token:${name}`, name, role, via: { kind: 'token', secret } };
    }
    const secret = request.cookies[SESSION_COOKIE];
    if (secret === undefined || secret.length > 200) return undefined;
    const isActivity = request.headers[BACKGROUND_HEADER] === undefined;
    const found = await this.#admins.sessions.find(secret, isActivity);
    if (found === undefined) return undefined;
    const { username, role, sessionId, expiresAtMs, provided } = found;
    return {
      actor: `admin:${username}`,
      name: username,
      role,
      via: { kind: 'cookie', secret, sessionId, expiresAtMs, provided },
    };
  }
}

/**
 * A browser adds the cookie by itself, so a page of another site could ride on it. Browsers say where a request comes
 * from (Sec-Fetch-Site, else Origin); a program that is no browser says neither and holds its own cookie. On top, a
 * body must be JSON, which no form can send.
 * @throws `request.cross_site`, `request.not_json`.
 */
export function refuseOtherSites(request: FastifyRequest): void {
  if (SAFE_METHODS.has(request.method)) return;
  if (!isSameOrigin(request)) {
    throw new DrawbridgeError('request.cross_site', 'This request comes from another site.', {
      hint: "Use the bastion's own page, or an API token.",
    });
  }
  const type = request.headers['content-type'];
  const hasBody =
    request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
  if (type === undefined && !hasBody) return;
  if (type === undefined || !/^application\/json\s*(;|$)/i.test(type)) {
    throw new DrawbridgeError('request.not_json', 'The body of the request must be application/json.');
  }
}

function isSameOrigin(request: FastifyRequest): boolean {
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  const origin = request.headers.origin;
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === request.headers.host;
}
