import type { TunnelStream } from '../../shared/tunnel/tunnel.ts';
import type { AdmittedStream } from '../admission/admission.ts';
import { OperatorConnection, type OperatorConnectionOptions } from './operator-connection.ts';

/** Serves the SSH connections of operators that were let in by {@link Admission}. */
export class OperatorConnections {
  readonly #options: OperatorConnectionOptions;
  readonly #open = new Set<OperatorConnection>();
  readonly #streams = new Set<TunnelStream>();
  readonly #allCut = new Set<() => void>();

  constructor(options: OperatorConnectionOptions) {
    this.#options = options;
  }

  /** Serves one. Resolves when the operator has proved their key, or is gone. */
  serve(admitted: AdmittedStream): Promise<void> {
    const { stream } = admitted;
    this.#streams.add(stream);
    stream.once('close', () => {
      this.#streams.delete(stream);
      if (this.#streams.size === 0) for (const tell of this.#allCut) tell();
    });
    return new Promise((resolve) => {
      const connection = new OperatorConnection(this.#options, admitted, {
        decided: resolve,
        gone: () => {
          this.#open.delete(connection);
          resolve();
        },
      });
      this.#open.add(connection);
    });
  }

  /** Resolves when no operator's stream is left: all have heard why, or were cut (see `LAST_WORDS_MS`). */
  allCut(): Promise<void> {
    if (this.#streams.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const tell = (): void => {
        this.#allCut.delete(tell);
        resolve();
      };
      this.#allCut.add(tell);
    });
  }
}
