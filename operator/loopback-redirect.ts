import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DrawbridgeError, systemCodeOf } from '../shared/errors.ts';

/** A browser sends little; whoever sends more is none. */
const HEADERS_LIMIT_BYTES = 16 * 1024;
const REQUEST_TIMEOUT_MS = 10_000;

/** The browser, back from the identity provider and waiting for a page. */
export interface ReturnedBrowser {
  /** Where it came back to, with the provider's answer in the query. */
  readonly url: URL;
  /** Shows whether the sign-in has succeeded. */
  show(outcome: 'signed_in' | 'failed'): void;
}

/** A web server of this machine alone that waits for one browser (RFC 8252, section 7.3). */
export interface LoopbackRedirect {
  /** What the provider is told to send the browser to. */
  readonly redirectUri: string;
  /** The browser that brings the right `state`; others are turned away. @throws the reason of the signal */
  browser(signal: AbortSignal): Promise<ReturnedBrowser>;
  close(): Promise<void>;
}

/**
 * Waits on 127.0.0.1, at the port of `redirectUri` or at any free one.
 * @param state what the returning browser must bring, so that no other page can answer in the provider's place
 * @throws `login.port_taken`
 */
export async function openLoopbackRedirect(redirectUri: string, state: string): Promise<LoopbackRedirect> {
  const wanted = new URL(redirectUri);
  let arrived: (browser: ReturnedBrowser) => void = () => undefined;
  const arrival = new Promise<ReturnedBrowser>((resolve) => {
    arrived = resolve;
  });
  let taken = false;
  const server = createServer(
    { maxHeaderSize: HEADERS_LIMIT_BYTES, requestTimeout: REQUEST_TIMEOUT_MS },
    (request, response) => {
      const target = request.url ?? '/';
      const url = URL.canParse(target, redirectUri) ? new URL(target, redirectUri) : undefined;
      if (url === undefined || request.method !== 'GET' || url.pathname !== wanted.pathname)
        return answer(response, 404, NOT_HERE);
      if (taken || url.searchParams.get('state') !== state) return answer(response, 400, NOT_EXPECTED);
      taken = true;
      const back = new URL(actual);
      back.search = url.search;
      arrived({
        url: back,
        show: (outcome) => answer(response, 200, outcome === 'signed_in' ? SIGNED_IN : FAILED),
      });
    },
  );
  const port = await listen(server, Number(wanted.port || '0'));
  const actual = new URL(redirectUri);
  actual.port = String(port);
  return {
    redirectUri: actual.href,
    browser: (signal) => Promise.race([arrival, aborted(signal)]),
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      // A browser keeps its connection open; the page that it shows is on its way by then.
      setTimeout(() => server.closeAllConnections(), LINGER_MS).unref();
      await closed;
    },
  };
}

const LINGER_MS = 500;

function listen(server: ReturnType<typeof createServer>, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const taken = systemCodeOf(error) === 'EADDRINUSE';
      reject(
        new DrawbridgeError(
          'login.port_taken',
          taken
            ? `The port ${port}, to which your identity provider sends the browser back, is taken by another program.`
            : `This machine can't wait for the browser: ${error.message}.`,
          { hint: 'Close that program, or use --device-code.', cause: error },
        ),
      );
    });
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
  });
}

interface Page {
  readonly title: string;
  readonly text: string;
}

const SIGNED_IN: Page = {
  title: 'You are signed in',
  text: 'Go back to your terminal. You can close this window.',
};
const FAILED: Page = {
  title: 'The sign-in failed',
  text: 'Your terminal says why. You can close this window.',
};
const NOT_EXPECTED: Page = {
  title: 'Not expected',
  text: 'This is no answer to a sign-in that is going on.',
};
const NOT_HERE: Page = { title: 'Nothing here', text: 'There is nothing at this address.' };

/** Pages hold nothing that came with the request. */
function answer(response: ServerResponse<IncomingMessage>, status: number, { title, text }: Page): void {
  const style =
    'body{font:18px/1.5 system-ui,sans-serif;display:grid;place-content:center;min-height:90vh;margin:0 1.5rem;' +
    'color-scheme:light dark;text-align:center}h1{font-size:1.6rem;margin:0 0 .5rem}';
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    connection: 'close',
  });
  response.end(
    `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
      `<title>${title} · Drawbridge</title><style>${style}</style><main><h1>${title}</h1><p>${text}</p></main></html>`,
  );
}
