// SPDX-License-Identifier: Apache-2.0
// Time that no promise speaks of: work that was announced, or what the tenant brought about. Accountable like an adjustment, since
// a credit may hang on it.

export const EXCLUSION_KINDS = ['Maintenance', 'Tenant'] as const;

export type Exclusion = {
  /** Unique for the tenant. */
  readonly id: string;
  readonly kind: (typeof EXCLUSION_KINDS)[number];
  readonly fromMs: number;
  readonly toMs: number;
  /** When the tenant was told; maintenance needs it. */
  readonly announcedMs: number | undefined;
  readonly reason: string;
  readonly requester: string;
  readonly approver: string;
};

/** Maintenance is announced so long before it begins. */
const NOTICE_MS = 72 * 3_600_000;
const MINUTE_MS = 60_000;

/** As people are told apart: by letters and digits. Blanks, signs, what cannot be seen, width and case make nobody another one. */
const personOf = (name: string): string =>
  name
    .normalize('NFKC')
    .replaceAll(/\p{Default_Ignorable_Code_Point}|[^\p{L}\p{M}\p{N}]/gu, '')
    .toLowerCase();

/** Why what one asks for and another approves is not that, or undefined. */
export const twoPeopleFault = ({ requester, approver }: Pick<Exclusion, 'requester' | 'approver'>): string | undefined => {
  if (personOf(requester) === '' || personOf(approver) === '') return 'who asked for it, or who approved it, is not said';
  return personOf(requester) === personOf(approver) ? `${approver} asked for it and approved it` : undefined;
};

/** What is wrong, or undefined. */
export const exclusionFault = ({ id, kind, fromMs, toMs, announcedMs, requester, approver }: Exclusion): string | undefined => {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(id)) return 'its id is not 1 to 63 letters, digits, dots, hyphens';
  if (toMs <= fromMs) return 'it ends before it begins';
  if (fromMs % MINUTE_MS !== 0 || toMs % MINUTE_MS !== 0) return 'it begins and ends on a minute';
  if (kind === 'Maintenance' && (announcedMs === undefined || announcedMs > fromMs - NOTICE_MS))
    return 'maintenance is announced 72 hours before it begins, or it is no excuse';
  return twoPeopleFault({ requester, approver });
};
