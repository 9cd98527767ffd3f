import { request as httpsRequest } from 'node:https';
import { SignJWT } from 'jose';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { systemClock } from '../../shared/clock.ts';
import { verifyDialProof, verifyDialToken } from '../../shared/identity/dial-token.ts';
import type { NodeIdentity } from '../../shared/identity/node-identity.ts';
import { verifyPass } from '../../shared/identity/pass.ts';
import { SeenOnce } from '../../shared/identity/seen-once.ts';
import { encodePreface, PrefaceReader, parseReply, parseRequest } from '../../shared/tunnel/preface.ts';
import type { IncomingStream, PrefaceRequest, Tunnel } from '../../shared/tunnel/tunnel.ts';
import { type Acquaintances, acquaint, meet, uplinkTo } from '../support/tunnel-meeting.ts';
import { waitFor } from '../support/wait-for.ts';

// Proxy, bastion and agents are upgraded one after the other, by people who do not know each other: each version has to
// work with the one before and the one behind it. What a later version may add is tried here.

const seen = () => new SeenOnce({ limit: 10, clock: systemClock });
const LATER = { addedLater: { deep: [1, 'two'] }, another: true };

let who: Acquaintances;
beforeEach(async () => {
  who = await acquaint();
});

/** A statement with these claims, signed as a peer of another version would. */
function sign(identity: NodeIdentity, typ: string, claims: Record<string, unknown>): Promise<string> {
  const iat = Math.floor(systemClock.nowMs() / 1000);
  return new SignJWT({ iss: identity.id, jti: 'once', ...claims, iat, exp: iat + 60 })
    .setProtectedHeader({ alg: 'EdDSA', typ })
    .sign(identity.privateKey);
}

const passClaims = () => ({
  ...{ sub: 'alice', aud: who.bastion.id, groups: ['ops'], amr: ['pwd', 'otp'] },
  ...{ auth_time: Math.floor(systemClock.nowMs() / 1000) - 5, cnf: `SHA256:${'A'.repeat(43)}` },
});

describe('claims that a later version adds', () => {
  it('do not keep a pass from counting, and are not handed on', async () => {
    const token = await sign(who.proxy, 'drawbridge-pass+jwt', { ...passClaims(), ...LATER });
    const options = { issuer: who.proxy, audience: who.bastion.id, seen: seen(), clock: systemClock };
    const claims = await verifyPass(token, options);
    expect(claims).toMatchObject(passClaims());
    expect(claims).not.toHaveProperty('addedLater');
  });

  it('do not keep a dial, nor the answer to it, from counting', async () => {
    const { proxy, bastion } = who;
    const dial = await sign(bastion, 'drawbridge-dial+jwt', { aud: proxy.id, ...LATER });
    const findKey = async () => bastion.publicJwk;
    const options = { audience: proxy.id, findKey, seen: seen(), clock: systemClock };
    // One that an older version sends says nothing of the process that dials.
    expect(await verifyDialToken(dial, options)).toEqual({ id: bastion.id, jti: 'once' });
    const proof = await sign(proxy, 'drawbridge-dial-proof+jwt', { aud: bastion.id, ...LATER });
    await verifyDialProof(proof, proxy, { audience: bastion.id, jti: 'once', clock: systemClock });
  });

  it('can not take the place of those that this version needs', async () => {
    const { cnf: _cnf, ...bare } = passClaims();
    const token = await sign(who.proxy, 'drawbridge-pass+jwt', { ...bare, cnf2: 'SHA256:…' });
    const options = { issuer: who.proxy, audience: who.bastion.id, seen: seen(), clock: systemClock };
    await expect(verifyPass(token, options)).rejects.toMatchObject({ code: 'pass.malformed' });
    const other = await sign(who.proxy, 'drawbridge-pass-v2+jwt', passClaims());
    await expect(verifyPass(other, options)).rejects.toMatchObject({ code: 'pass.wrong_type' });
  });
});

describe('streams between versions', () => {
  /** A tunnel of ours, and what came out of it. */
  async function tunnel(onStream: (incoming: IncomingStream) => void | Promise<void>) {
    const tunnels: Tunnel[] = [];
    const { port } = await meet(who, { onTunnel: (made) => void tunnels.push(made) });
    uplinkTo(who, port, { onStream }).start();
    return waitFor(() => tunnels[0], { what: 'the tunnel', timeoutMs: 30_000 });
  }

  it('carry fields that are not known here to who knows them, and back', async () => {
    const requests: PrefaceRequest[] = [];
    const made = await tunnel((incoming) => {
      requests.push(incoming.request);
      incoming.accept(LATER).end();
    });
    const { stream, reply } = made.open({ v: 1, kind: 'ssh', ...LATER });
    stream.resume();
    expect(await reply).toMatchObject({ ok: true, ...LATER });
    expect(requests).toEqual([{ v: 1, kind: 'ssh', ...LATER }]);
  });

  it('are refused with a code when their kind is not known, and the tunnel goes on', async () => {
    const made = await tunnel((incoming) => {
      if (incoming.request.kind === 'ssh') incoming.accept().end();
      else incoming.refuse('stream.unknown_kind', 'This version does not know what that stream is for.');
    });
    const later = made.open({ v: 1, kind: 'teleport' });
    later.stream.on('error', () => undefined);
    await expect(later.reply).rejects.toMatchObject({ code: 'stream.unknown_kind' });
    const known = made.open({ v: 1, kind: 'ssh' });
    known.stream.resume();
    await known.reply;
  });

  it('of a later version of the preface are refused with a code, in a form that every version reads', () => {
    const later = new PrefaceReader().push(
      Buffer.concat([Buffer.from([0, 0, 0, 20]), Buffer.from('{"v":2,"kind":"ssh"}')]),
    );
    expect(() => parseRequest(later?.value)).toThrow(expect.objectContaining({ code: 'preface.version' }));
    const refusal = {
      ok: false,
      code: 'preface.version',
      message: 'No.',
      hint: 'Upgrade.',
      ...LATER,
    } as const;
    const read = new PrefaceReader().push(encodePreface(refusal));
    expect(parseReply(read?.value)).toEqual({
      ok: false,
      code: 'preface.version',
      message: 'No.',
      hint: 'Upgrade.',
    });
  });
});

describe('a dial of another version', () => {
  it('may offer later subprotocols beside this one, and send headers that are not known here', async () => {
    const { port } = await meet(who);
    const token = await sign(who.bastion, 'drawbridge-dial+jwt', { aud: who.proxy.id, ...LATER });
    const socket = new WebSocket(`wss://127.0.0.1:${port}/tunnel`, ['drawbridge.v2', 'drawbridge.v1'], {
      ca: who.certificate.ca,
      headers: { authorization: `Bearer ${token}`, 'drawbridge-added-later': 'yes' },
    });
    onTestFinished(() => socket.terminate());
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    expect(socket.protocol).toBe('drawbridge.v1');
  });

  it('that speaks only a later one is told which one is spoken here', async () => {
    const { port } = await meet(who);
    const token = await sign(who.bastion, 'drawbridge-dial+jwt', { aud: who.proxy.id });
    const request = httpsRequest(`https://127.0.0.1:${port}/tunnel`, {
      ca: who.certificate.ca,
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        authorization: `Bearer ${token}`,
        'sec-websocket-version': '13',
        'sec-websocket-key': Buffer.alloc(16, 7).toString('base64'),
        'sec-websocket-protocol': 'drawbridge.v2',
      },
    });
    const body = await new Promise<string>((resolve, reject) => {
      request.once('error', reject);
      request.once('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (piece: string) => {
          text += piece;
        });
        response.once('end', () => resolve(text));
      });
      request.end();
    });
    expect(JSON.parse(body)).toMatchObject({
      code: 'tunnel.subprotocol',
      message: expect.stringContaining('drawbridge.v1'),
    });
  });
});
