// SPDX-License-Identifier: Apache-2.0
// What a child process says next; its own file says what that may be.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

export const nextMessage = async <T>(child: ChildProcess): Promise<T> => {
  const [message] = await once(child, 'message');
  return message;
};
