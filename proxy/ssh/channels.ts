import { isDrawbridgeError, messageOf } from '../../shared/errors.ts';
import type { Logger } from '../../shared/log.ts';
import { OPEN_FAILURE } from '../../shared/ssh/messages.ts';
import type { DirectTcpipOpen, SessionOpen } from '../../shared/ssh/server-connection.ts';
import { bridgeStream } from '../../shared/ssh/stream-bridge.ts';
import type { ProvenOperator } from '../accounts/operators.ts';
import type { Refusals } from '../accounts/refusals.ts';
import type { Admission } from '../tunnels/admission.ts';
import type { Relays } from '../tunnels/relays.ts';

/** Refusals that mean 'not now' instead of 'not allowed'. */
const UNREACHABLE: ReadonlySet<string> = new Set([
  'bastion.offline',
  'bastion.silent',
  'bastion.failed',
  'proxy.stopping',
]);

/** Opens the way to the host that a client asked for, and passes bytes; or refuses with a sentence. */
export async function relayToHost(
  parts: { readonly admission: Admission; readonly relays: Relays; readonly log: Logger },
  open: DirectTcpipOpen,
  from: {
    readonly operator: ProvenOperator;
    readonly source: string;
    readonly signal: AbortSignal;
    /** Ends the client's connection with a sentence. */
    readonly disconnect: (sentence: string) => void;
  },
): Promise<void> {
  const { operator, source } = from;
  const signal = AbortSignal.any([open.signal, from.signal]);
  try {
    const ask = { operator, destination: open.target.host, source, signal };
    const { stream, withdraw } = await parts.relays.opening(operator.username, () =>
      parts.admission.openHost(ask),
    );
    if (signal.aborted) {
      stream.destroy();
      return;
    }
    parts.relays.add(operator, stream, { tell: from.disconnect, withdraw });
    const { error } = await bridgeStream(open.accept(), stream, { dropWhenCut: true });
    if (error !== undefined) {
      parts.log.debug({ operator: operator.username, problem: messageOf(error) }, 'a way to a host was cut');
    }
  } catch (error) {
    if (!isDrawbridgeError(error)) parts.log.error({ err: error }, 'a host could not be opened');
    const { sentence, reason } = refusalText(error);
    open.refuse(sentence, reason);
  }
}

function refusalText(error: unknown): { readonly sentence: string; readonly reason: number } {
  if (!isDrawbridgeError(error)) {
    const sentence = "Something went wrong in the proxy; its administrator finds it in the proxy's log.";
    return { sentence, reason: OPEN_FAILURE.CONNECT_FAILED };
  }
  const sentence = error.hint === undefined ? error.message : `${error.message} ${error.hint}`;
  const reason = UNREACHABLE.has(error.code)
    ? OPEN_FAILURE.CONNECT_FAILED
    : OPEN_FAILURE.ADMINISTRATIVELY_PROHIBITED;
  return { sentence, reason };
}

/** Tells somebody who asks for a shell at the proxy itself what it is there for, and hangs up. */
export async function answerSession(
  parts: { readonly refusals: Refusals; readonly jumpLine: () => string },
  open: SessionOpen,
  from: { readonly operator: string | undefined; readonly source: string },
): Promise<void> {
  await parts.refusals.add({
    type: 'channel.refused',
    reason: 'session_at_proxy',
    source: from.source,
    ...(from.operator === undefined ? {} : { operator: from.operator }),
  });
  const channel = open.accept();
  const text = `This is a meeting point, not a host. Reach a host through it:\r\n  ${parts.jumpLine()}\r\n`;
  channel.attach({
    onRequest(request) {
      switch (request.kind) {
        case 'pty':
        case 'env':
          return true;
        case 'shell':
        case 'exec':
        case 'subsystem':
          channel.write(Buffer.from(text), 'stderr');
          channel.exit({ kind: 'exit-status', code: 1 });
          channel.close();
          return true;
        default:
          return false;
      }
    },
  });
}
