// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { text } from 'node:stream/consumers';

/** Two folders, one child that leads a group and one that does not, both of which would stay for a minute. */
const PROGRAM = `
  import { spawn } from 'node:child_process';
  import { clearAwayAtExit, endAtSignals } from ${JSON.stringify(join(import.meta.dirname, 'clear-away.ts'))};
  import { temporaryFolder } from ${JSON.stringify(join(import.meta.dirname, '../../test/cluster/temporary-folder.ts'))};
  endAtSignals((usual) => usual);
  const first = await clearAwayAtExit();
  const second = await temporaryFolder();
  const children = [true, false].map((detached) => spawn('sleep', ['60'], { detached, stdio: ['ignore', 'inherit', 'ignore'] }));
  process.stdout.write(JSON.stringify({ folders: [first, second.path] }) + '\\n');
`;

for (const [signal, exitCode] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  it(`leaves neither folders nor processes at ${signal}, and ends with ${exitCode}`, async () => {
    const program = spawn(process.execPath, ['--input-type=module', '--eval', PROGRAM], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(program.stdout, 'data');
    const said: { readonly folders: readonly string[] } = JSON.parse(String(line));
    assert.deepEqual(said.folders.map(existsSync), [true, true]);
    program.kill(signal);
    // The children hold our pipe, so its end is theirs.
    const [[code]] = await Promise.all([once(program, 'exit'), text(program.stdout)]);
    assert.equal(code, exitCode);
    assert.deepEqual(said.folders.map(existsSync), [false, false]);
  });
}
