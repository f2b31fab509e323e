// SPDX-License-Identifier: Apache-2.0
// The keys of the audit log as they change: a new wrapping key is in the Secret before anything is under it, and an old one goes
// when nothing is under it any more. To be killed in between loses no data key; the next look goes on where this one ended.
import { MOST_ERASED, withFreshKey } from './secret.ts';
import type { AuditKeys, AuditSecret } from './secret.ts';

export type KeyHolder = {
  current(): AuditKeys;
  /** `rewrap` wraps some data keys by the newest key and says how many are left under older ones. */
  rotate(rewrap: () => Promise<number>): Promise<void>;
  /** Data keys of these ids were destroyed. */
  rememberErased(kids: readonly string[]): Promise<void>;
};

export const createKeyHolder = (options: {
  readonly secret: AuditSecret;
  readonly keys: AuditKeys;
  readonly lifetimeMs: number;
  readonly now: () => number;
  readonly random: (bytes: number) => Buffer;
}): KeyHolder => {
  const { secret, lifetimeMs, now, random } = options;
  let { keys } = options;
  return {
    current: () => keys,
    rememberErased: async (kids) => {
      const known = new Set(keys.erased);
      const news = kids.filter((kid) => !known.has(kid));
      if (news.length === 0) return;
      const more: AuditKeys = { ...keys, erased: [...keys.erased, ...news].slice(-MOST_ERASED) };
      await secret.write(more);
      keys = more;
    },
    rotate: async (rewrap) => {
      const fresh = withFreshKey(keys, { lifetimeMs, nowMs: now(), random });
      if (fresh !== keys) await secret.write(fresh);
      keys = fresh;
      if (keys.wrapping.length === 1) return;
      while ((await rewrap()) > 0);
      const [newest] = keys.wrapping;
      const only: AuditKeys = { ...keys, wrapping: [newest] };
      await secret.write(only);
      keys = only;
    },
  };
};
