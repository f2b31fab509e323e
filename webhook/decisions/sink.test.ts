// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import type { SetRecord } from './record.ts';
import { systemClock as clock } from '../../process/clock.ts';
import { createDecisionSink } from './sink.ts';

const record = (setDigest: string): SetRecord => ({ msg: 'policy set', time: '', setDigest, trustDigest: '', revisions: {}, policies: [] });

it('every record is one line of the file, in order, and all are there after close', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'writ-decisions-'));
  const file = join(folder, 'decisions.jsonl');
  const sink = await createDecisionSink({ file, clock, onError: assert.ifError });
  for (let index = 0; index < 2000; index += 1) {
    sink.record(record(`${index} ${'é\n'.repeat(50)}`));
    if (index % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await sink.close();
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  assert.equal(lines.length, 2000);
  lines.forEach((line, index) => assert.ok(JSON.parse(line).setDigest.startsWith(`${index} `)));
  assert.equal(sink.dropped, 0);
  await rm(folder, { recursive: true });
});

it('a writer that stands still costs bounded memory and no waiting: what does not fit is counted', async () => {
  const gate = Promise.withResolvers<void>();
  const written: string[] = [];
  let dropped = 0;
  const sink = await createDecisionSink({
    file: undefined,
    clock,
    flushMs: 1,
    maxPendingBytes: 10_000,
    onDrop: () => (dropped += 1),
    onError: assert.ifError,
    writeChunk: async (chunk) => {
      await gate.promise;
      written.push(chunk);
    },
  });
  for (let index = 0; index < 1000; index += 1) sink.record(record('x'.repeat(100)));
  assert.ok(sink.pendingBytes <= 10_000);
  assert.equal(sink.dropped, dropped);
  assert.ok(dropped > 900);
  gate.resolve();
  await sink.close();
  assert.equal(written.join('').trimEnd().split('\n').length, 1000 - dropped);
  assert.ok(
    written.every((chunk) => chunk.length <= 4096 && chunk.endsWith('\n')),
    'whole lines, each write atomic on a pipe',
  );
  assert.equal(sink.pendingBytes, 0);
});

it('a write that fails loses its lines, counts them, and the next ones are written', async () => {
  const errors: unknown[] = [];
  const written: string[] = [];
  let broken = true;
  const sink = await createDecisionSink({
    file: undefined,
    clock,
    flushMs: 1,
    onError: (error) => errors.push(error),
    writeChunk: async (chunk) => {
      if (broken) throw new Error('no space left');
      written.push(chunk);
    },
  });
  sink.record(record('lost'));
  while (errors.length === 0) await new Promise((resolve) => setImmediate(resolve));
  broken = false;
  sink.record(record('kept'));
  await sink.close();
  assert.equal(sink.dropped, 1);
  assert.match(written.join(''), /kept/);
});
