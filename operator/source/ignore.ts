// SPDX-License-Identifier: Apache-2.0
// `spec.ignore` and `spec.path`: which part of a tree is asked for. Pure.
import ignore from 'ignore';
import type { Result } from '../../policies/problem.ts';
import { shown } from './shown.ts';

const LONGEST = 16_384;

/** True for paths that the patterns (gitignore syntax) leave out. Paths are relative and have passed the checks of `tree.ts`. */
export const ignoreMatcher = (patterns: string | undefined): Result<(path: string) => boolean> => {
  if (patterns === undefined || patterns.trim() === '') return { ok: true, value: () => false };
  // Patterns become regular expressions; their author may write to the cluster, yet need not be able to stop the operator.
  if (patterns.length > LONGEST || patterns.split('\n').some((line) => line.length > 512 || (line.match(/\*/g)?.length ?? 0) > 16)) {
    return {
      ok: false,
      problem: { code: 'SOURCE_IGNORE_INVALID', message: `at most ${LONGEST} characters, 512 and 16 stars a line`, path: 'spec.ignore' },
    };
  }
  const matcher = ignore({ ignorecase: false }).add(patterns);
  return { ok: true, value: (path) => matcher.ignores(path) };
};

/** `./a/b/` → `a/b`; the root is the empty string. */
export const folderOf = (path: string | undefined): Result<string> => {
  const parts = (path ?? '').split('/').filter((part) => part !== '' && part !== '.');
  // oxlint-disable-next-line no-control-regex -- refused, not matched
  if (parts.includes('..') || /[\u0000-\u001f\u007f\\]/.test(path ?? '') || (path ?? '').length > 4096) {
    return {
      ok: false,
      problem: { code: 'SOURCE_PATH_INVALID', message: `${shown(path ?? '')} is not a folder inside the repository`, path: 'spec.path' },
    };
  }
  return { ok: true, value: parts.join('/') };
};
