import { WireReader, WireWriter } from './wire.ts';

/** Global requests for `-R` (RFC 4254, section 7.1). */
export const LISTEN_REQUEST = 'tcpip-forward';
export const CANCEL_LISTEN_REQUEST = 'cancel-tcpip-forward';

/** Type of the channels by which a host reaches the operator's SSH agent. */
export const AGENT_CHANNEL = 'auth-agent@openssh.com';

/** Where the server is to listen. An empty host stands for every address, port 0 for one that the server chooses. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Reads what stands behind the name of such a request. @throws `ssh.protocol` when it is malformed. */
export function decodeListenAddress(payload: Buffer): ListenAddress {
  const reader = new WireReader(payload, 0);
  return { host: reader.text(), port: reader.uint32() };
}

export function encodeListenAddress({ host, port }: ListenAddress): Buffer {
  return new WireWriter().string(host).uint32(port).finish();
}

/** The port that the server chose, out of its answer. @throws `ssh.protocol` when there is none. */
export function decodeListenPort(answer: Buffer): number {
  return new WireReader(answer, 0).uint32();
}

export function encodeListenPort(port: number): Buffer {
  return new WireWriter().uint32(port).finish();
}
