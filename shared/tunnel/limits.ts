/**
 * Every limit of the tunnel protocol. `docs/protocol.md` lists them for other implementations; each has a test at it
 * and beyond it.
 */

/**
 * Largest payload that one Data frame may announce: the largest window, since some implementations send all that they
 * may in one frame. A larger one is a protocol error. Frames are not held in memory, so this costs nothing.
 */
export const MAX_FRAME_PAYLOAD_BYTES = 8 * 1024 * 1024;

/** Largest WebSocket message. A larger one closes the WebSocket with code 1009. */
export const MAX_MESSAGE_BYTES = 1024 * 1024;

/**
 * Pieces in which one WebSocket message may arrive: fragments, and reads of the network. Each costs far more than the byte
 * that may be in it. More close the WebSocket with code 1008.
 */
export const MAX_MESSAGE_PIECES = 4_096;

/** Bytes that may arrive before the session has started (while the dialler checks the acceptor's proof). */
export const MAX_EARLY_BYTES = 64 * 1024;

/** Open streams per tunnel and direction. The peer's further ones are reset; our own `open` throws. */
export const MAX_STREAMS_PER_DIRECTION = 1024;

/** Streams of the peer that are not answered yet. Further ones are reset. */
export const MAX_ACCEPT_BACKLOG = 256;

/** Largest JSON text of a preface, request and reply alike. */
export const MAX_PREFACE_BYTES = 16 * 1024;

/** How long the opener of a stream may take to send its whole preface. */
export const PREFACE_TIMEOUT_MS = 5_000;

/** How long the acceptor of a stream may take to answer its preface. */
export const REPLY_TIMEOUT_MS = 30_000;

/** How long a refused stream may stay until its opener has taken the refusal. */
export const REFUSAL_LINGER_MS = 5_000;

/** Window that every stream starts with; fixed by the yamux specification. */
export const INITIAL_WINDOW_BYTES = 256 * 1024;

/** Largest receive window of one stream. */
export const MAX_STREAM_WINDOW_BYTES = 8 * 1024 * 1024;

/** What all streams of one tunnel together may have beyond their initial windows. */
export const MAX_TUNNEL_WINDOW_GROWTH_BYTES = 32 * 1024 * 1024;

/** Bytes that a stream's writer may have waiting before its `write` says stop. */
export const SEND_BUFFER_BYTES = 128 * 1024;

/** Bytes handed to the socket and not yet taken by the network, beyond which nothing more is handed over. */
export const MAX_PARKED_BYTES = 192 * 1024;

/** Bytes that one tunnel takes in before everything else on the same event loop has had its turn. */
export const MAX_TURN_BYTES = 128 * 1024;

/** Frames that answer the peer (window updates, pings, resets) waiting for the socket. More: the peer does not read. */
export const MAX_WAITING_CONTROL_FRAMES = 16 * 1024;

/** A peer from which nothing came for this long is gone. */
export const SILENCE_TIMEOUT_MS = 25_000;

/** How often each side pings. */
export const PING_INTERVAL_MS = 10_000;

/** Streams that the peer may open: at once, and per second in the long run. More is a flood and ends the tunnel. */
export const SYN_BURST = 4_096;
export const SYN_PER_SECOND = 1_024;

/** Pings that the peer may send: at once, and per second in the long run. */
export const PING_BURST = 64;
export const PING_PER_SECOND = 8;

/** Frames without effect (empty data, tiny window updates, ended streams): at once, and per second in the long run. */
export const IDLE_FRAME_BURST = 16_384;
export const IDLE_FRAMES_PER_SECOND = 2_048;

/** Dials being verified at one acceptor, in all and from one address. More are answered with 503. */
export const MAX_PENDING_DIALS = 256;
export const MAX_PENDING_DIALS_PER_ADDRESS = 32;

/** Connections of one listener that may be in their TLS handshake, in all and from one address. More are cut. */
export const MAX_HANDSHAKES = 1_024;
export const MAX_HANDSHAKES_PER_ADDRESS = 256;

/** How long the HTTP upgrade, with TLS and the checks of both proofs, may take. */
export const HANDSHAKE_TIMEOUT_MS = 15_000;

/** How long a WebSocket may take to close in order before its socket is destroyed. */
export const CLOSE_TIMEOUT_MS = 1_000;

/** WebSocket subprotocol of a tunnel. */
export const TUNNEL_SUBPROTOCOL = 'drawbridge.v1';

/** Path of the upgrade request. */
export const TUNNEL_PATH = '/tunnel';
