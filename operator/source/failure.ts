// SPDX-License-Identifier: Apache-2.0
// What a failed git means to a person. Messages are ours and stable: git's own carry timings and addresses, and a condition
// that changes with each attempt would wake every watcher.
import type { Problem, ProblemCode } from '../../policies/problem.ts';
import type { GitRun } from './git.ts';

export type Failure = {
  readonly kind: 'problem';
  readonly problem: Problem;
  /** Trying again may help without anyone doing anything. */
  readonly transient: boolean;
};

export const failure = (
  code: ProblemCode,
  message: string,
  more: { readonly transient?: boolean; readonly path?: string } = {},
): Failure => ({
  kind: 'problem',
  problem: { code, message, ...(more.path === undefined ? {} : { path: more.path }) },
  transient: more.transient ?? false,
});

type Row = { readonly code: ProblemCode; readonly transient: boolean; readonly pattern: RegExp; readonly message: string };

// First match wins, so what is more telling stands higher.
const rows: readonly Row[] = [
  {
    code: 'SOURCE_DISK_FULL',
    transient: true,
    pattern: /No space left on device|Disk quota exceeded|ENOSPC|EDQUOT/i,
    message: 'no space is left for the mirror of the repository',
  },
  {
    code: 'SOURCE_GIT_MISSING',
    transient: false,
    pattern: /setsid: failed to execute git|git: not found|No such file or directory: git/,
    message: 'git is not installed where the operator runs',
  },
  {
    code: 'SOURCE_HOST_KEY',
    transient: false,
    pattern: /Host key verification failed|host key is known|REMOTE HOST IDENTIFICATION HAS CHANGED/i,
    message: 'the host did not show a key that known_hosts names',
  },
  {
    code: 'SOURCE_CREDENTIAL_INVALID',
    transient: false,
    pattern:
      /Load key .*(?:invalid format|error in libcrypto|incorrect passphrase)|could not load PEM client certificate|unable to (?:load|set).*(?:client certificate|private key)/i,
    message: 'the private key cannot be read, or the passphrase does not open it',
  },
  {
    code: 'SOURCE_CREDENTIAL_REFUSED',
    transient: false,
    pattern:
      /Authentication failed|could not read (?:Username|Password)|terminal prompts disabled|Permission denied \(|returned error: 40[13]|Access denied/i,
    message: 'the remote refuses access with this credential, or asks for one where none is set',
  },
  {
    code: 'SOURCE_REDIRECTED',
    transient: false,
    pattern: /unable to update url base|returned error: 30\d|redirect/i,
    message: 'the remote answers with a redirect',
  },
  {
    code: 'SOURCE_TLS',
    transient: false,
    // Only what a certificate is to blame for: a connection that breaks speaks of TLS too, and passes by itself.
    pattern: /certificate|unknown ca\b|cert(?:ificate)? verif|CAfile/i,
    message:
      'the TLS connection failed: the certificate is not trusted, out of date, for another name, or a client certificate is asked for',
  },
  {
    code: 'SOURCE_NOT_FOUND',
    transient: false,
    pattern:
      /repository .* not found|Repository not found|returned error: 404|does not appear to be a git repository|not a git repository|does not exist|dubious ownership/i,
    message: 'there is no repository that this credential may see',
  },
  {
    code: 'SOURCE_REF_NOT_FOUND',
    transient: false,
    pattern: /couldn't find remote ref|not our ref|unadvertised object|remote error: .*unadvertised/i,
    message: 'the remote does not have what was asked for any more',
  },
  {
    code: 'SOURCE_UNREACHABLE',
    transient: true,
    pattern:
      /Could not resolve host|Name or service not known|name resolution|Failed to connect|Couldn't connect|Connection (?:refused|timed out|reset|closed)|timed out|No route to host|Network is unreachable|unexpected disconnect|early EOF|hung up|Empty reply|Recv failure|RPC failed|returned error: 5\d\d|returned error: 429|too slow|SSL|TLS/i,
    message: 'no connection, or it broke',
  },
];

/** Removes credentials and control characters, and what differs from one attempt to the next. */
export const redact = (text: string, secrets: readonly string[]): string =>
  secrets
    .reduce((rest, secret) => rest.replaceAll(secret, '***'), text)
    .replace(/\/\/[^/\s@]+@/g, '//***@')
    .replace(/(authorization:)[^\r\n]*/gi, '$1 ***')
    // oxlint-disable-next-line no-control-regex -- these are what is taken out
    .replace(/[\u0000-\u001f\u007f]+/g, ' ')
    .replace(/\b\d+ ms\b/g, 'some ms')
    .trim();

const lastWord = (stderr: string): string => {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  return lines.findLast((line) => /^(?:fatal|error|remote|ssh):/i.test(line)) ?? lines.at(-1) ?? '';
};

/** The failure that this run of git stands for; `doing` says what it was for, `secrets` never appear. */
export const failureOf = (run: GitRun, about: { readonly doing: string; readonly secrets: readonly string[] }): Failure => {
  if (run.stopped === 'not started') return failure('SOURCE_GIT_MISSING', 'git is not installed where the operator runs');
  if (run.stopped === 'overflow') return failure('SOURCE_TOO_MANY_REFS', `${about.doing}: the remote sends a longer list than the limit`);
  if (run.stopped === 'aborted') return failure('SOURCE_CANCELLED', `${about.doing} was ended`, { transient: true });
  const row = rows.find(({ pattern }) => pattern.test(run.stderr));
  if (row !== undefined) return failure(row.code, `${about.doing}: ${row.message}`, { transient: row.transient });
  const said = redact(lastWord(run.stderr), about.secrets).slice(0, 300);
  return failure('SOURCE_FAILED', `${about.doing}: ${said === '' ? `git ended with ${String(run.exitCode ?? 'a signal')}` : said}`, {
    transient: true,
  });
};

/** An error of the file system as a failure; anything else is a bug and is thrown again. */
export const failureOfError = (error: unknown): Failure => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return failure('SOURCE_DISK_FULL', 'no space is left for the mirror of the repository', { transient: true });
  throw error;
};
