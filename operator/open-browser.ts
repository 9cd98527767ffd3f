import { spawn } from 'node:child_process';

/**
 * Shows a web page to the person at this machine, in the browser that `BROWSER` names or the system's own.
 * @returns false when there is no browser to be had; then show the address
 */
export async function openBrowser(url: URL, env: NodeJS.ProcessEnv): Promise<boolean> {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return false;
  const [program, ...args] = browserCommand(env);
  if (program === undefined) return false;
  return new Promise((resolve) => {
    const child = spawn(program, [...args, url.href], { env, stdio: 'ignore', detached: true });
    child.once('error', () => resolve(false));
    child.once('spawn', () => {
      child.unref();
      resolve(true);
    });
  });
}

function browserCommand(env: NodeJS.ProcessEnv): readonly string[] {
  const named = env['BROWSER'];
  if (named !== undefined && named !== '') return [named];
  if (process.platform === 'darwin') return ['open'];
  if (process.platform === 'win32') return ['rundll32', 'url.dll,FileProtocolHandler'];
  const screen = env['DISPLAY'] ?? env['WAYLAND_DISPLAY'] ?? '';
  return screen === '' ? [] : ['xdg-open'];
}
