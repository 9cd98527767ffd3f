import { readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { dirname } from 'node:path';
import type ssh2 from 'ssh2';
import { unsupportedLibrary } from './ssh2-protocol.ts';

/**
 * Longest packet that is taken, as OpenSSH has it. ssh2 stops at 35,000 bytes, the least that RFC 4253 asks for, and
 * hangs up on a longer one; a command is one packet, and Linux takes commands of up to 128 KiB.
 */
const PACKET_LIMIT_BYTES = 256 * 1024;

/** The line of ssh2's ciphers that says so. */
const LIMIT_LINE = /^const MAX_PACKET_SIZE = \d+;$/m;

/**
 * ssh2, taking packets of up to {@link PACKET_LIMIT_BYTES}. Its own limit is a constant that every one of its ciphers has
 * closed over, so the file that holds it is compiled with another number before ssh2 is loaded. Nobody else may load ssh2
 * first.
 * @throws `ssh.unsupported_library` when this is not the ssh2 that we know.
 */
export function loadSsh2(): typeof ssh2 {
  const require = createRequire(import.meta.url);
  const path = require.resolve('ssh2/lib/protocol/crypto.js');
  require.cache[path] ??= compileWith(path, readFileSync(path, 'utf8'));
  const library: typeof ssh2 = require('ssh2');
  return library;
}

/**
 * True when ssh2 has its compiled ciphers. npm installs it without them where there is no compiler or install scripts may
 * not run, and it then falls back to slower ones.
 */
export function hasCompiledCiphers(): boolean {
  loadSsh2();
  const ciphers: unknown = createRequire(import.meta.url)('ssh2/lib/protocol/crypto.js');
  return typeof ciphers === 'object' && ciphers !== null && 'bindingAvailable' in ciphers
    ? ciphers.bindingAvailable === true
    : false;
}

function compileWith(path: string, source: string): NodeJS.Module {
  if (!LIMIT_LINE.test(source)) throw unsupportedLibrary();
  const module = new Module(path);
  const compile: unknown = '_compile' in module ? module._compile : undefined;
  if (typeof compile !== 'function') throw unsupportedLibrary();
  module.filename = path;
  module.paths = createRequire(path).resolve.paths('ssh2') ?? [dirname(path)];
  compile.call(module, source.replace(LIMIT_LINE, `const MAX_PACKET_SIZE = ${PACKET_LIMIT_BYTES};`), path);
  module.loaded = true;
  return module;
}
