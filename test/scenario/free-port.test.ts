// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { it } from 'node:test';
import { boundPort } from '../../process/bound-port.ts';
import { freePort, givenAway } from './free-port.ts';

it('a port that is to be kept is none that the system gives away, and none that is taken', async () => {
  const [first, last] = givenAway();
  const port = await freePort();
  assert.ok(port < first || port > last, `${port} is from ${first} to ${last}`);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const picks = [boundPort(server), port];
  assert.equal(await freePort(() => picks.shift() ?? assert.fail()), port);
  await new Promise((resolve) => server.close(resolve));
});
