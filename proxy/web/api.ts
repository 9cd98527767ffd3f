import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { signIssuerDocument } from '../../shared/identity/issuer-document.ts';
import type { PublicJwk } from '../../shared/identity/keys.ts';
import type { NodeIdentity } from '../../shared/identity/node-identity.ts';
import type { Devices } from '../accounts/devices.ts';
import type { LoginRequest, Logins } from '../accounts/logins.ts';
import type { OperatorTokens } from '../accounts/operator-tokens.ts';
import type { Enrolments } from '../enrolment/enrolment.ts';
import type { ListedProvider, ProviderLoginRequest, ProviderLogins } from '../providers/provider-logins.ts';
import type { PublicPlace } from '../public-place.ts';
import type { Directory } from '../store/directory.ts';
import type { Login, Store } from '../store/store.ts';
import type { Admission } from '../tunnels/admission.ts';
import { type ListedBastion, type ListedHost, listBastions, listHosts } from '../tunnels/host-list.ts';

/** What an operator's command needs to know after a login. */
export interface OperatorView {
  readonly operator: { readonly username: string; readonly groups: readonly string[] };
  readonly key: { readonly fingerprint: string; readonly expiresAt: string };
  /** What was proven at the login (RFC 8176). */
  readonly amr: readonly string[];
  /** The device whose key was proven at the login. */
  readonly device?: { readonly id: string; readonly name: string; readonly approved: boolean };
  readonly proxy: {
    readonly id: string;
    readonly name: string;
    readonly url: string;
    readonly ssh: {
      readonly host: string;
      readonly port: number;
      /** OpenSSH one-line public key of the proxy's SSH server. */
      readonly hostKey: string;
    };
  };
  readonly bastions: readonly ListedBastion[];
}

/** What {@link ProxyApi} is built from. */
export interface ProxyApiParts {
  readonly identity: NodeIdentity;
  /** PEM of the CA that signed the server certificate, when it is a private one. */
  readonly ca: string | undefined;
  /** Asked each time: with port 0 in the configuration the ports are known only after listening. */
  readonly place: () => PublicPlace;
  readonly store: Store;
  readonly directory: Directory;
  readonly logins: Logins;
  readonly providers: ProviderLogins;
  readonly devices: Devices;
  readonly tokens: OperatorTokens;
  readonly enrolments: Enrolments;
  readonly admission: Admission;
  /** Aborted when the proxy has begun to stop. */
  readonly stopping: AbortSignal;
  readonly clock: Clock;
}

/** What the HTTP API offers, without HTTP. Errors are `DrawbridgeError`s with the codes of what it calls. */
export class ProxyApi {
  readonly #parts: ProxyApiParts;

  constructor(parts: ProxyApiParts) {
    this.#parts = parts;
  }

  /** @throws `proxy.stopping`, and what the store throws when it cannot be read. */
  async requireReady(): Promise<void> {
    if (this.#parts.stopping.aborted) throw new DrawbridgeError('proxy.stopping', 'The proxy is stopping.');
    await this.#parts.store.enrolments.findBastion('readiness');
  }

  /** The signed statement of who this proxy is, for those who hold a join token. */
  issuerDocument(): Promise<string> {
    const { identity, ca, clock } = this.#parts;
    return signIssuerDocument(identity, 'proxy', ca, clock);
  }

  /** Takes in a bastion; gives the signed reply. */
  enrol(proof: string, source: string): Promise<string> {
    return this.#parts.enrolments.enrol(proof, source);
  }

  /** Password, code and a fresh public key become a login. */
  async login(request: LoginRequest): Promise<OperatorView> {
    return this.viewOf(await this.#parts.logins.login(request));
  }

  /** Identity providers that one can sign in with. */
  listProviders(): readonly ListedProvider[] {
    return this.#parts.providers.list();
  }

  /** An identity provider's ID token and the key that it commits to become a login. */
  async providerLogin(request: ProviderLoginRequest): Promise<OperatorView> {
    return this.viewOf(await this.#parts.providers.login(request));
  }

  /** Who the token's signer is, and how long the login lasts. */
  async operator(token: string, source: string): Promise<OperatorView> {
    const { fingerprint } = await this.#parts.tokens.verify(token, source);
    const login = await this.#parts.store.logins.findLogin(fingerprint);
    if (!login) throw new DrawbridgeError('operator.login_ended', 'Your login has ended.');
    return this.viewOf(login);
  }

  /** What the operator may reach, asked of every connected bastion. */
  async hosts(
    token: string,
    source: string,
  ): Promise<{ readonly hosts: readonly ListedHost[]; readonly bastions: readonly ListedBastion[] }> {
    const { admission, store, directory, tokens } = this.#parts;
    const operator = await tokens.verify(token, source);
    return listHosts({ admission, enrolments: store.enrolments, directory }, operator, source);
  }

  /** Ends the login of the token's signer, and what it has open; says how many connections that were. */
  async logout(token: string, source: string): Promise<number> {
    const operator = await this.#parts.tokens.verify(token, source);
    return this.#parts.logins.logout(operator, source);
  }

  /** A challenge for the proof of a device, for whoever asks. */
  deviceChallenge(): { readonly challenge: string; readonly proxy: string } {
    return { challenge: this.#parts.devices.challenge(), proxy: this.#parts.identity.id };
  }

  /** Enrols a device of the token's signer. */
  async enrolDevice(
    token: string,
    request: { readonly name: string; readonly publicJwk: PublicJwk; readonly proof: string },
    source: string,
  ): Promise<{ readonly id: string; readonly name: string }> {
    const operator = await this.#parts.tokens.verify(token, source);
    const { id, name } = await this.#parts.devices.enrol(operator, { ...request, source });
    return { id, name };
  }

  /** A login as its operator's command needs it. */
  async viewOf(login: Login): Promise<OperatorView> {
    const { identity, place, store, directory } = this.#parts;
    const account = await store.accounts.findAccount(login.username);
    const device = login.deviceId === undefined ? undefined : await store.devices.findDevice(login.deviceId);
    const { url, sshHost, sshPort, sshHostKey } = place();
    return {
      operator: { username: login.username, groups: account?.groups ?? [] },
      key: { fingerprint: login.fingerprint, expiresAt: new Date(login.expiresAtMs).toISOString() },
      amr: login.amr,
      ...(device === undefined
        ? {}
        : { device: { id: device.id, name: device.name, approved: device.approvedAtMs !== undefined } }),
      proxy: {
        id: identity.id,
        name: identity.name,
        url,
        ssh: { host: sshHost, port: sshPort, hostKey: sshHostKey },
      },
      bastions: await listBastions(store.enrolments, directory),
    };
  }
}
