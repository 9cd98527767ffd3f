/**
 * The path under which a reverse proxy has put the page, such as `/remote-access`; empty without one. The bastion writes
 * it into the page, since only the proxy in front of it knows.
 */
export function basePath(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="base-path"]')?.content ?? '';
}

/** An address of the page or the API as the browser has to ask for it. */
export function withBase(path: string): string {
  return basePath() + path;
}
