// SPDX-License-Identifier: Apache-2.0
// Bytes to lines of JSON. Lines are cut as bytes and decoded whole, so no character is ever split; what stands after the last
// newline when the stream ends was cut off in the middle and is dropped, never guessed at.
import { KubeTransportError } from './errors.ts';

// etcd refuses requests beyond 1.5 MB; custom resources grow by conversion and managed fields, never twentyfold.
const MAX_LINE_BYTES = 32 * 1024 * 1024;
const NEWLINE = 10;

export async function* jsonLines(
  chunks: AsyncIterable<Uint8Array>,
  maxLineBytes = MAX_LINE_BYTES,
): AsyncGenerator<unknown, void, undefined> {
  let parts: Uint8Array[] = [];
  let pendingBytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE, start); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = Buffer.concat([...parts, chunk.subarray(start, end)]);
      parts = [];
      pendingBytes = 0;
      start = end + 1;
      if (line.length > maxLineBytes) throw new KubeTransportError('BODY', `a line of the stream is longer than ${maxLineBytes} bytes`);
      const text = line.toString('utf8');
      if (text.trim() !== '') yield parseLine(text);
    }
    if (start < chunk.length) {
      parts.push(chunk.subarray(start));
      pendingBytes += chunk.length - start;
    }
    if (pendingBytes > maxLineBytes) throw new KubeTransportError('BODY', `a line of the stream is longer than ${maxLineBytes} bytes`);
  }
}

const parseLine = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new KubeTransportError('BODY', 'a line of the stream is not JSON', error);
  }
};
