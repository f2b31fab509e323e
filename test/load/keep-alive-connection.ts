// SPDX-License-Identifier: Apache-2.0
// One connection that asks and is answered, over and over: an HTTP/1.1 client that costs the machine next to nothing,
// because here client and server share its processors. A request is made once as bytes; an answer is known to be whole
// by its length or its last chunk, and only read when somebody wants its text.
import { connect as connectPlain } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectSecure } from 'node:tls';

export type Answer = { readonly status: number; text(): string };

export type Connection = {
  exchange(request: Buffer): Promise<Answer>;
  close(): void;
};

export type PostTarget = {
  readonly url: string;
  /** PEM of the authority that the server's certificate comes from. */
  readonly ca: string;
  readonly token?: string;
  /** `application/json` unless given. */
  readonly contentType?: string;
};

export const postBytes = ({ url, token, contentType = 'application/json' }: PostTarget, body: string): Buffer => {
  const { host, pathname, search } = new URL(url);
  const lines = [
    `POST ${pathname}${search} HTTP/1.1`,
    `host: ${host}`,
    `content-type: ${contentType}`,
    'accept: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    ...(token === undefined ? [] : [`authorization: Bearer ${token}`]),
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`);
};

const HEAD_END = Buffer.from('\r\n\r\n');
// No chunk of JSON can end like this: a chunk's data is followed by one line end and the next length.
const LAST_CHUNK = Buffer.from('0\r\n\r\n');

/** Whole answers out of the bytes of one connection. */
const createReader = (onAnswer: (answer: Answer) => void): ((chunk: Buffer) => void) => {
  let chunks: Buffer[] = [];
  let bytes = 0;
  let status = 0;
  let headBytes = 0;
  /** -1 while the head is not complete, -2 when the answer comes in chunks. */
  let wholeBytes = -1;
  const readHead = (): void => {
    const start = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
    const end = start.indexOf(HEAD_END);
    if (end < 0) return;
    const head = start.toString('latin1', 0, end).toLowerCase();
    headBytes = end + HEAD_END.length;
    status = Number(head.slice(9, 12));
    const [, length] = /\r\ncontent-length: *(\d+)/.exec(head) ?? [];
    wholeBytes = length === undefined ? -2 : headBytes + Number(length);
  };
  const isWhole = (last: Buffer): boolean => {
    if (wholeBytes >= 0) return bytes >= wholeBytes;
    const tail = last.length >= LAST_CHUNK.length ? last : Buffer.concat(chunks);
    return tail.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK);
  };
  return (chunk) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (wholeBytes === -1) readHead();
    if (wholeBytes === -1 || !isWhole(chunk)) return;
    const [whole, from] = [chunks, headBytes];
    const answer: Answer = { status, text: () => Buffer.concat(whole).toString('utf8', from) };
    chunks = [];
    bytes = 0;
    wholeBytes = -1;
    onAnswer(answer);
  };
};

export const openConnection = (target: PostTarget): Promise<Connection> =>
  new Promise((resolve, reject) => {
    const { hostname, port, protocol } = new URL(target.url);
    let waiting: { readonly resolve: (answer: Answer) => void; readonly reject: (error: Error) => void } | undefined;
    const fail = (error: Error): void => {
      waiting?.reject(error);
      reject(error);
    };
    const onConnected = (): void =>
      resolve({
        exchange: (request) =>
          new Promise((done, failed) => {
            waiting = { resolve: done, reject: failed };
            socket.write(request);
          }),
        close: () => {
          waiting = undefined;
          socket.destroy();
        },
      });
    const socket: Socket =
      protocol === 'http:'
        ? connectPlain({ host: hostname, port: Number(port) }, onConnected)
        : connectSecure({ host: hostname, port: Number(port), ca: target.ca }, onConnected);
    socket.setNoDelay(true);
    socket.on('error', fail);
    socket.on('close', () => fail(new Error(`${target.url} closed the connection`)));
    socket.on(
      'data',
      createReader((answer) => waiting?.resolve(answer)),
    );
  });
