declare module 'proxy-from-env' {
  /** The proxy for `url` according to `process.env`, or an empty string. */
  export function getProxyForUrl(url: string | URL): string;
}
