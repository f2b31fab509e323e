// SPDX-License-Identifier: Apache-2.0
// writ audit witness: cosigns checkpoints of logs that only ever grow (c2sp.org/tlog-witness), for a trust domain of its own.
import { createPrivateKey, generateKeyPairSync, hash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { Command } from 'commander';
import { readCheckpoint } from '../../policies/transparency/checkpoint.ts';
import type { Checkpoint } from '../../policies/transparency/checkpoint.ts';
import { checkpointText } from '../../policies/transparency/checkpoint.ts';
import { verifierKey } from '../../policies/transparency/note.ts';
import type { NoteSigner } from '../../policies/transparency/note.ts';
import { judgeCheckpoint } from '../../policies/transparency/witness.ts';
import type { WitnessState } from '../../policies/transparency/witness.ts';
import { parseAddress } from '../../process/address.ts';
import { shutdownSignal } from '../../process/signals.ts';
import { fileError } from '../files.ts';
import { UsageError, UserError } from '../output.ts';
import type { Terminal } from '../output.ts';
import { verifierKeys } from './verifier-keys.ts';
import { lockFolder } from './witness-lock.ts';

type Options = { readonly state: string; readonly name: string; readonly log: readonly string[]; readonly listen: string };

const HELP = `
Answers POST /add-checkpoint, as operators with --audit-witness ask it. It signs a checkpoint only where the log has grown from the one
that it signed before, and stores it before it answers. Run it where the operators of the log can not reach its folder: in another cluster,
in CI, at a partner. Its folder holds its key (made at the first start, mode 0600) and the last checkpoint of each log; one process
at a time, which a lock in it sees to.

Exit codes: 0 ended by a signal, 4 wrong use, a folder or an address that cannot be used, or one that another witness uses.

Example:
  writ audit witness --state /witness --name witness.example/ci --log audit.vkey --listen 127.0.0.1:7300`;

const MAX_REQUEST = 200_000;
const KEY_FILE = 'witness.pem';

/** On the disk before anything is said of it. */
const writeDurably = (path: string, text: string, mode: number): void => {
  const unfinished = `${path}.unfinished`;
  const file = openSync(unfinished, 'w', mode);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(unfinished, path);
  const folder = openSync(join(path, '..'), 'r');
  fsyncSync(folder);
  closeSync(folder);
};

const signerIn = (folder: string, name: string): NoteSigner => {
  const path = join(folder, KEY_FILE);
  try {
    if (!existsSync(path))
      writeDurably(path, generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 0o600);
    const privateKey = createPrivateKey(readFileSync(path));
    const key = verifierKey(name, privateKey, 'cosignature');
    if (key !== undefined) return { key, privateKey };
  } catch (error) {
    throw error instanceof UserError ? error : fileError(path, error);
  }
  throw new UsageError(`--name ${name}: write a name without blanks and plus signs, such as witness.example/ci`);
};

const stateFile = (folder: string, origin: string): string => join(folder, `${hash('sha256', origin, 'hex')}.checkpoint`);

const readState = (folder: string, origin: string): WitnessState => {
  const path = stateFile(folder, origin);
  if (!existsSync(path)) return undefined;
  const state = readCheckpoint(readFileSync(path, 'utf8'));
  // To begin anew would be to forget what was signed.
  if (state?.origin !== origin) throw new Error(`${path} does not hold the checkpoint that was signed last`);
  return state;
};

const writeState = (folder: string, checkpoint: Checkpoint): void =>
  writeDurably(stateFile(folder, checkpoint.origin), checkpointText(checkpoint), 0o644);

const bodyOf = async (request: IncomingMessage): Promise<Uint8Array | undefined> => {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    length += bytes.length;
    if (length > MAX_REQUEST) return undefined;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
};

const run = async (options: Options, terminal: Terminal): Promise<void> => {
  const address = parseAddress(options.listen);
  if (address === undefined) throw new UsageError(`--listen ${options.listen}: write HOST:PORT`);
  const logs = verifierKeys('--log', options.log, 'ed25519');
  const { state: folder } = options;
  const unlock = lockFolder(folder);
  const signer = signerIn(folder, options.name);
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const send = (status: number, body: string, type = 'text/plain; charset=utf-8'): void =>
      void response.writeHead(status, { 'content-type': type }).end(body);
    if (request.method !== 'POST' || request.url?.endsWith('/add-checkpoint') !== true) return send(404, '');
    const body = await bodyOf(request);
    if (body === undefined) return send(413, '');
    // No await between what is known and what is stored: two requests can not both follow the same checkpoint.
    const judged = judgeCheckpoint({
      request: body,
      logs,
      stateOf: (origin) => readState(folder, origin),
      signer,
      nowMs: terminal.clock.now(),
    });
    if (judged.status === 200) {
      writeState(folder, judged.next);
      terminal.out(`${judged.next.origin}: ${judged.next.size} entries cosigned\n`);
      return send(200, judged.body);
    }
    terminal.err(`refused with ${judged.status}: ${judged.why}\n`);
    send(judged.status, judged.body, judged.status === 409 ? 'text/x.tlog.size' : undefined);
  };
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5000 }, (request, response) => {
    answer(request, response).catch((error: unknown) => {
      terminal.err(`error: ${error instanceof Error ? error.message : 'unknown'}\n`);
      if (!response.headersSent) response.writeHead(500).end();
    });
  });
  const signal = shutdownSignal();
  const closed = Promise.withResolvers<void>();
  server.on('error', (error) =>
    closed.reject(
      new UsageError(
        `--listen ${options.listen}: ${'code' in error && error.code === 'EADDRINUSE' ? 'another process listens there' : error.message}`,
      ),
    ),
  );
  server.on('close', () => closed.resolve());
  signal.addEventListener('abort', () => {
    server.close();
    server.closeAllConnections();
  });
  server.listen(address.port, address.host, () => {
    const bound = server.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
    terminal.out(
      `verifier key ${signer.key.text}\nlistening on http://${address.host.includes(':') ? `[${address.host}]` : address.host}:${port}/add-checkpoint\n`,
    );
  });
  try {
    await closed.promise;
  } finally {
    unlock();
  }
};

export const witnessCommand = (terminal: Terminal): Command =>
  new Command('witness')
    .description('cosign checkpoints of logs that only ever grow')
    .requiredOption('--state <dir>', 'folder of the key and of what was cosigned last')
    .requiredOption('--name <name>', 'name of this witness, a URL without its scheme')
    .requiredOption('--log <keys...>', 'verifier keys of the logs to witness, or files of them')
    .option('--listen <address>', 'where to listen, over HTTP', '127.0.0.1:7300')
    .addHelpText('after', HELP)
    .action((options: Options) => run(options, terminal));
