// SPDX-License-Identifier: Apache-2.0
// --authorizer FILE: what users may do, written down as a case does it.
import { readAuthorizer } from '../policies/cases/authorizer.ts';
import type { Access } from '../policies/cel/index.ts';
import { formatPath } from '../policies/document/json.ts';
import { readMapping } from './object-request.ts';
import { UsageError } from './output.ts';

/** Without a file nobody is allowed anything. */
export const accessIn = (file: string | undefined): Access => {
  const outcome = readAuthorizer(file === undefined ? undefined : readMapping(file), []);
  if (!outcome.ok) throw new UsageError(`--authorizer ${file ?? ''}: ${formatPath(outcome.path)}: ${outcome.message}`);
  return outcome.access;
};
