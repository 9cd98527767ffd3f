import type { AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Egress } from '../../shared/egress/egress.ts';
import type { NodeIdentity } from '../../shared/identity/node-identity.ts';
import { signSshKey } from '../../shared/identity/ssh-key-statement.ts';
import type { Logger } from '../../shared/log.ts';
import type { StreamHandler, Tunnel } from '../../shared/tunnel/tunnel.ts';
import { Uplink } from '../../shared/tunnel/uplink.ts';
import { closingText } from '../hosts/agent-connections.ts';
import type { UplinkSummary } from '../service.ts';
import type { PinnedProxy } from './pinned-proxy.ts';

/** The tunnels are cut so long after the gate has closed, even when {@link GatedUplinkOptions.operatorsCut} hangs. */
const STOP_AT_LATEST_MS = 2_000;

export interface GatedUplinkOptions {
  readonly identity: NodeIdentity;
  readonly proxy: PinnedProxy;
  readonly egress: Egress;
  /** The key of this bastion's SSH server, one line: the proxy is told. */
  readonly sshHostKey: string;
  readonly tunnels: number;
  /** True: tunnels stay while the gate is closed, and each stream in them is refused. */
  readonly keepWhenOff: boolean;
  readonly onStream: StreamHandler;
  /** A tunnel has come up. */
  readonly onConnected: () => void;
  /** Resolves when no stream of an operator is left, so that cutting the tunnels takes nobody's last words away. */
  readonly operatorsCut: () => Promise<void>;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The tunnels to the vendor's proxy: there while the gate is open. */
export class GatedUplink {
  readonly #options: GatedUplinkOptions;
  readonly #uplink: Uplink;
  #wanted = false;
  #left = false;
  #stopping: Promise<void> = Promise.resolve();

  constructor(options: GatedUplinkOptions) {
    this.#options = options;
    const { identity, proxy, egress, tunnels, onStream, clock, log } = options;
    this.#uplink = new Uplink({
      url: proxy.enrolment.url,
      identity,
      peer: proxy,
      egress,
      tunnels,
      onTunnel: (tunnel) => {
        this.#onTunnel(tunnel);
        void this.#tellHostKey(tunnel);
        options.onConnected();
      },
      onStream,
      clock,
      log,
    });
  }

  /** Streams that are open towards the proxy. */
  get openStreams(): number {
    return this.#uplink.openStreams;
  }

  /** Follows the gate. Closing waits only until the operators have been told; what is new is refused meanwhile. */
  gateIs(state: 'on' | 'off'): void {
    if (this.#left) return;
    if (state === 'on' || this.#options.keepWhenOff) {
      this.#wanted = true;
      this.#uplink.start();
      return;
    }
    this.#stopBehindOperators('access.off', 'The customer has turned remote access off.');
  }

  /** The bastion has left this proxy: its tunnels end for good, once the operators have been told. */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#stopBehindOperators('proxy.left', 'The customer has left this proxy.');
  }

  /** Ends all tunnels at once. */
  async stop(): Promise<void> {
    this.#wanted = false;
    this.#stop('bastion.stopped', 'The bastion is being stopped.');
    await this.#stopping;
  }

  /** A tunnel for a stream of our own; undefined when none is up. */
  pick(): Tunnel | undefined {
    return this.#uplink.pick();
  }

  get summaries(): UplinkSummary[] {
    return this.#uplink.status.map((status) => ({
      proxy: this.#options.proxy.enrolment.url,
      state: status.state,
      since: new Date(status.sinceMs).toISOString(),
      streams: status.streams,
      ...(status.rttMs === undefined ? {} : { rttMs: status.rttMs }),
      ...(status.problem === undefined ? {} : { problem: status.problem }),
    }));
  }

  #stopBehindOperators(code: string, message: string): void {
    if (!this.#wanted) return;
    this.#wanted = false;
    const stop = (): void => {
      late.cancel();
      if (!this.#wanted) this.#stop(code, message);
    };
    const late = this.#options.clock.after(STOP_AT_LATEST_MS, stop);
    void this.#options.operatorsCut().then(stop);
  }

  #stop(code: string, message: string): void {
    this.#stopping = this.#uplink.stop(code, message).catch((error: unknown) => {
      this.#options.log.error({ err: error }, 'a tunnel to the proxy did not end in order');
    });
  }

  #onTunnel(tunnel: Tunnel): void {
    const { name, id } = this.#options.proxy.issuer;
    const event = { actor: `proxy:${name}`, proxy: id, tunnel: tunnel.id } as const;
    this.#enter({ type: 'tunnel.connected', ...event });
    const ended = (): void =>
      this.#enter({ type: 'tunnel.disconnected', ...event, reason: closingText(tunnel.signal.reason) });
    if (tunnel.signal.aborted) ended();
    else tunnel.signal.addEventListener('abort', ended, { once: true });
  }

  /** Operators learn this bastion's host key from the proxy: it must have the one of now, not the one of enrolment. */
  async #tellHostKey(tunnel: Tunnel): Promise<void> {
    const { identity, proxy, sshHostKey, clock, log } = this.#options;
    const said = { audience: proxy.issuer.id, use: 'host', key: sshHostKey } as const;
    try {
      const { stream, reply } = tunnel.open({
        v: 1,
        kind: 'host-key',
        statement: await signSshKey(identity, said, clock),
      });
      stream.on('error', () => undefined);
      stream.resume();
      stream.end();
      await reply;
    } catch (error) {
      // A proxy of an older version refuses the kind; it has the key of the enrolment.
      log.debug({ err: error }, 'the proxy did not take the SSH host key');
    }
  }

  /** A tunnel alone lets nobody in: when its event can't be stored, the streams in it will be refused for that. */
  #enter(event: Parameters<AuditSink['append']>[0]): void {
    this.#options.audit.append(event).catch((error: unknown) => {
      this.#options.log.error({ err: error, type: event.type }, 'an event of a tunnel could not be stored');
    });
  }
}
