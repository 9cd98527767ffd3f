import { Agent, type AgentOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import type { IssuerNotes } from './issuer-notes.ts';

/** An https agent that notes who signed the certificates that it sees. */
export class DirectAgent extends Agent {
  readonly #issuers: IssuerNotes;

  constructor(options: AgentOptions, issuers: IssuerNotes) {
    super(options);
    this.#issuers = issuers;
  }

  override createConnection(...args: Parameters<Agent['createConnection']>): Duplex | null | undefined {
    const socket = super.createConnection(...args);
    this.#issuers.watch(socket);
    return socket;
  }
}
