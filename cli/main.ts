#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
/**
 * writ, the command line: the same parser, seals and engine as operator and webhook, without a cluster.
 *
 * Node strips types from some hundred files and compiles them at each start, which takes longer than most commands; so what
 * it makes of them is kept, in the person's own cache folder (another user could write to a shared one). For this to count,
 * all else is loaded afterwards, by `run.ts`. Nothing imports this file.
 */
import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { isAbsolute, join } from 'node:path';

/** Below a folder that is there: Node makes what is missing, and never ends where the system lets nothing be made (in /proc). */
const cacheFolder = ({ XDG_CACHE_HOME: given = '', HOME: home = '' }: NodeJS.ProcessEnv): string | undefined => {
  const base = given === '' ? home : given;
  if (!isAbsolute(base) || !existsSync(base)) return undefined;
  return given === '' ? join(home, '.cache', 'writ', 'code') : join(given, 'writ', 'code');
};

const folder = cacheFolder(process.env);
if (folder !== undefined) enableCompileCache(folder);

const { run } = await import('./run.ts');
await run(process.argv.slice(2));
