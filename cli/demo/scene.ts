// SPDX-License-Identifier: Apache-2.0
// What every chapter of the demo plays on, and how it does what it tells: by kubectl and by writ, as they can be typed.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../process/clock.ts';
import type { Installation } from '../../test/scenario/installation.ts';
import { expect } from './answer.ts';
import type { Answer } from './answer.ts';
import type { Metering } from './metering.ts';
import type { Stage } from './stage.ts';

export type Scene = {
  readonly writ: Installation;
  readonly stage: Stage;
  /** Where the ledger, the audit log and all that a person works with lie; goes with the demo. */
  readonly folder: string;
  readonly metering: Metering;
  /** What was committed last, by path. */
  readonly documents: Record<string, string>;
};

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const WRIT = join(ROOT, 'cli/writ');

type Input = { readonly what: string; readonly object: unknown };

/** As somebody else, who has the rights of a tenant's owner and no more. */
export const kubectlAs = async ({ writ, stage }: Scene, as: string, args: readonly string[], input?: Input): Promise<Answer> => {
  stage.does(`kubectl --as ${as} ${args.join(' ')}${input === undefined ? '' : `     (${input.what})`}`);
  const startedMs = systemClock.monotonicMs();
  const { stdout, stderr, code } = await writ.plane.kubectl(
    [...args, '--as', as],
    input === undefined ? {} : { input: JSON.stringify(input.object) },
  );
  const answer = { text: `${stderr}${stdout}`.trim(), allowed: code === 0, durationMs: systemClock.monotonicMs() - startedMs };
  stage.answers(answer.text, answer.durationMs);
  return answer;
};

type Ran = { readonly code: number; readonly out: string; readonly err: string };

/** A process of its own in the scene's folder, which knows of no cluster. */
export const runWrit = ({ folder }: Pick<Scene, 'folder'>, args: readonly string[]): Promise<Ran> =>
  new Promise((resolve) => {
    const { PATH, HOME } = process.env;
    const env = { PATH, HOME, NODE_COMPILE_CACHE: join(ROOT, 'build/compile-cache') };
    const child = execFile(WRIT, [...args], { cwd: folder, env }, (_error, out, err) => resolve({ code: child.exitCode ?? 1, out, err }));
  });

/** Tells what a command of writ prints; fails the demo where it ends with another code. */
export const showWrit = async (scene: Scene, args: readonly string[], wanted = 0): Promise<void> => {
  const { stage } = scene;
  stage.does(`writ ${args.join(' ')}`);
  const startedMs = systemClock.monotonicMs();
  const { code, out, err } = await runWrit(scene, args);
  const durationMs = systemClock.monotonicMs() - startedMs;
  if (out !== '') stage.table(out);
  if (err !== '') stage.answers(err);
  stage.answers(`exit code ${code}`, durationMs);
  const answer = { text: `${out}${err}`, allowed: code === 0, durationMs };
  expect(code === wanted, `writ ${args.slice(0, 2).join(' ')} should end with ${wanted}`, answer);
};
