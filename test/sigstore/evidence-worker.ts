// SPDX-License-Identifier: Apache-2.0
// What a thread of the operator or the webhook does, without the rest of them.
import { createProver } from '../../policies/trust/evidence-task.ts';
import { serveTasks } from '../../process/worker-tasks.ts';

serveTasks(createProver());
