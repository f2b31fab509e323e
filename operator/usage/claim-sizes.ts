// SPDX-License-Identifier: Apache-2.0
// Since when a claim is bound, and as large as it is, as far as this process saw it: a claim may wait for days until it is bound, and
// grow while nobody looks. What is not known is not billed.
import type { Informer } from '../../kube/informer.ts';
import type { Clock } from '../../process/clock.ts';
import type { WatchedClaim } from './watched-pods.ts';

type Seen = {
  /** Undefined while it is not bound. */
  readonly bytes: bigint | undefined;
  readonly sizeMs: number;
  /** Undefined where it was bound when it was met. */
  readonly boundMs: number | undefined;
};

export type ClaimSizes = {
  /** When it was seen to be bound; undefined where nobody saw that. */
  boundMs(uid: string): number | undefined;
  /** Since when it is known to be as large as it is. */
  sizeMs(uid: string): number | undefined;
  close(): void;
};

export const watchClaimSizes = (options: {
  readonly clock: Pick<Clock, 'now'>;
  readonly claims: Pick<Informer<WatchedClaim>, 'onChange'>;
}): ClaimSizes => {
  const { clock, claims } = options;
  const seen = new Map<string, Seen>();
  const close = claims.onChange(({ type, object: { metadata, bound } }) => {
    if (metadata.uid === undefined) return;
    if (type === 'deleted') return void seen.delete(metadata.uid);
    const before = seen.get(metadata.uid);
    const bytes = bound?.bytes;
    if (before !== undefined && before.bytes === bytes) return;
    const nowMs = clock.now();
    const isBound = before !== undefined && before.bytes === undefined;
    seen.set(metadata.uid, { bytes, sizeMs: nowMs, boundMs: isBound ? nowMs : before?.boundMs });
  });
  return { boundMs: (uid) => seen.get(uid)?.boundMs, sizeMs: (uid) => seen.get(uid)?.sizeMs, close };
};
