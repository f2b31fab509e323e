// SPDX-License-Identifier: Apache-2.0
// The webhook's process, and what its worker threads run: one file is both, so that an image holds one.
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  const { startProgram } = await import('./program.ts');
  await startProgram(new URL(import.meta.url));
} else {
  const [{ createProver }, { serveTasks }] = await Promise.all([
    import('../policies/trust/evidence-task.ts'),
    import('../process/worker-tasks.ts'),
  ]);
  serveTasks(createProver());
}
