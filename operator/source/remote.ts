// SPDX-License-Identifier: Apache-2.0
// What a remote says that it has: one `ls-remote`, shared by all sources with the same URL and credential.
import type { Clock } from '../../process/clock.ts';
import { failure, failureOf } from './failure.ts';
import type { Failure } from './failure.ts';
import type { Git } from './git.ts';
import type { RefListing } from './ref.ts';
import { createShare } from './share.ts';
import type { SourceUrl } from './url.ts';

export type ListRequest = {
  /** Every ref and HEAD, not only branches and tags: forges keep a ref for each pull request, so it is asked for only when needed. */
  readonly every: boolean;
  readonly since: number | undefined;
  readonly signal: AbortSignal;
};

export type RemoteOptions = {
  readonly git: Git;
  readonly cwd: string;
  readonly home: string;
  readonly url: SourceUrl;
  readonly secrets: readonly string[];
  readonly clock: Clock;
  readonly shareMs: number;
  readonly outputBytes: number;
};

type Listing = ({ readonly kind: 'listing' } & RefListing) | Failure;

const parseListing = (output: Buffer): Listing => {
  const refs = new Map<string, string>();
  let head: string | undefined;
  for (const line of output.toString('utf8').split('\n')) {
    const [left = '', name = ''] = line.split('\t');
    if (left.startsWith('ref: ') && name === 'HEAD') head = left.slice('ref: '.length);
    else if (/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(left) && name !== '') refs.set(name, left);
  }
  return refs.size === 0 ? failure('SOURCE_EMPTY', 'the repository has no commit yet') : { kind: 'listing', refs, head };
};

/** `undefined` where the asker's signal ended the wait. */
export const createLister = (options: RemoteOptions): ((request: ListRequest) => Promise<Listing | undefined>) => {
  const ask = createShare<Listing>({ clock: options.clock, windowMs: options.shareMs });
  return (request) =>
    ask({
      key: request.every ? 'every' : 'branches and tags',
      since: request.since,
      signal: request.signal,
      make: async (signal) => {
        const scope = request.every ? ['--symref'] : ['--heads', '--tags'];
        const { cwd, home, url, outputBytes } = options;
        const run = await options.git({
          args: ['ls-remote', ...scope, '--', url.href],
          cwd,
          home,
          protocol: url.scheme,
          outputBytes,
          signal,
        });
        return run.exitCode === 0
          ? parseListing(run.stdout)
          : failureOf(run, { doing: 'listing the refs of the remote', secrets: options.secrets });
      },
    });
};
