import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../cli/demo/installation.ts';
import { openHome } from '../operator/home.ts';
import { signIn } from '../operator/sign-in.ts';
import { ControlClient } from '../shared/control/client.ts';
import { builtCommand, type DemoProcess } from './demo-process.ts';

/** One operator may have 100 sessions, so others share them. Gives the folder of the login. */
export async function signInAnother(demo: DemoProcess, username: string, dir: string): Promise<string> {
  const { proxy, login } = demo.document;
  const client = await ControlClient.connect(join(proxy.dataDir, 'control.sock'));
  try {
    const added = (await client.call('user.add', { username, groups: ['support'] })) as {
      password: string;
      totpSecret: string;
    };
    await signIn({
      proxyUrl: proxy.url,
      username,
      password: added.password,
      code: codeOf(added.totpSecret),
      ca: await readFile(proxy.ca, 'utf8'),
      home: openHome(dir, process.env),
      env: process.env,
      command: [process.execPath, builtCommand()],
      user: login,
    });
    return dir;
  } finally {
    client.close();
  }
}
