// SPDX-License-Identifier: Apache-2.0
// The trust policy in force, kept beside its entry in the audit log with its seals and its chain: no backup of the cluster puts that
// back, and whoever takes it from here believes it by its own seals, not because it is here.
import { isRecord } from '../../crds/wire.ts';
import { signatureOf } from '../../policies/sealed-shape.ts';
import type { TrustSignature } from '../../policies/trust/load.ts';
import { TRUST_TOPIC, trustFollowed } from './facts.ts';
import type { FollowedTrust } from './facts.ts';
import type { AuditLog } from './index.ts';

export type TrustRecord = {
  /** The newest that is on record; 'none' where there is none, undefined while the ledger is closed. */
  readonly recall: () => Promise<TrustSignature | 'none' | undefined>;
  /** Puts it on record where it is newer. Waits for `recall`: what is on record must not fall. */
  readonly record: (followed: FollowedTrust) => void;
};

type Kept = { readonly version: number; readonly signature: TrustSignature };

const read = (state: string): readonly Kept[] => {
  try {
    const kept: unknown = JSON.parse(state);
    if (!isRecord(kept)) return [];
    const { version } = kept;
    const signature = signatureOf(kept['signature']);
    return signature === undefined || typeof version !== 'number' ? [] : [{ version, signature }];
  } catch {
    return [];
  }
};

export const createTrustRecord = (audit: Pick<AuditLog, 'states' | 'tellOnce'>): TrustRecord => {
  let said: number | undefined;
  return {
    recall: async () => {
      const states = await audit.states(TRUST_TOPIC);
      if (states === undefined) return undefined;
      const [kept] = states.flatMap(read);
      said = Math.max(said ?? 0, kept?.version ?? 0);
      return kept?.signature ?? 'none';
    },
    record: (followed) => {
      if (said === undefined || followed.version <= said) return;
      said = followed.version;
      audit.tellOnce(trustFollowed(followed));
    },
  };
};
