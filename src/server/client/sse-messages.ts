/** A message of a stream as it arrived; `data` is '' when there was none. */
export interface ArrivedMessage {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: string;
}

/** Server-sent events out of the pieces of an answer; comments give nothing. */
export async function* sseMessages(pieces: AsyncIterable<Buffer>): AsyncGenerator<ArrivedMessage, void, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const piece of pieces) {
    const text = rest + decoder.decode(piece, { stream: true });
    const blocks = text.split('\n\n');
    rest = blocks.pop()!;
    for (const block of blocks) {
      const message = messageOf(block);
      if (message !== undefined) yield message;
    }
  }
}

function messageOf(block: string): ArrivedMessage | undefined {
  let id: string | undefined;
  let event: string | undefined;
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const [, name, value] = /^(id|event|data): ?(.*)$/su.exec(line) ?? [];
    if (name === 'id') id = value;
    else if (name === 'event') event = value;
    else if (name === 'data') data.push(value!);
  }
  return id === undefined && event === undefined && data.length === 0
    ? undefined
    : { id, event, data: data.join('\n') };
}
