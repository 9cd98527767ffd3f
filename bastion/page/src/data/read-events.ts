/** An event of a stream that ends, with what it carries. */
export interface StreamEvent {
  readonly name: string;
  readonly data: unknown;
}

/**
 * The server-sent events of a response, read as they come. Unlike the browser's own reader it leaves the refusal of a
 * request to its caller, and asks nobody anew.
 */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<StreamEvent, void, void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const frames = (rest + decoder.decode(value, { stream: true })).split('\n\n');
      rest = frames.pop() ?? '';
      for (const frame of frames) {
        const event = eventOf(frame);
        if (event !== undefined) yield event;
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function eventOf(frame: string): StreamEvent | undefined {
  const fields = new Map(frame.split('\n').map((line): [string, string] => fieldOf(line)));
  const data = fields.get('data');
  return data === undefined ? undefined : { name: fields.get('event') ?? 'message', data: JSON.parse(data) };
}

function fieldOf(line: string): [string, string] {
  const [name = '', value = ''] = line.split(/: ?(.*)/s);
  return [name, value];
}
