/** What the proxy refuses with. */
export class Refused extends Error {
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.name = 'Refused';
    this.hint = hint;
  }
}

/** A request to the proxy that served this page. @throws {@link Refused} */
export async function post<T>(path: string, body: object): Promise<T> {
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    cache: 'no-store',
    credentials: 'omit',
    redirect: 'error',
  });
  const answer: unknown = await response.json();
  if (response.ok) return answer as T;
  throw new Refused(
    textIn(answer, 'message') ?? 'The proxy did not answer as expected.',
    textIn(answer, 'hint') ?? '',
  );
}

function textIn(value: unknown, key: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const text: unknown = Reflect.get(value, key);
  return typeof text === 'string' ? text : undefined;
}
