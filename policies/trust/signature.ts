// SPDX-License-Identifier: Apache-2.0
// The one place where a signature is checked, by Sigstore's verifier.
import { Buffer } from 'node:buffer';
import { Verifier, toSignedEntity } from '@sigstore/verify';
import type { KeySeal } from './bundle.ts';
import type { TrustedKey } from './trust.ts';

// Absent thresholds mean 1; a plain key has no log entry, certificate log or timestamp, so all are 0 by name. Bundles that
// carry any of these, or a certificate, never come here (bundle.ts).
const KEYS_ONLY = { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 } as const;

/** Whether the seal is a signature of exactly these bytes by exactly this key. Total: the library's throws are a no. */
export const isSignedBy = (bytes: Uint8Array, seal: KeySeal, key: TrustedKey): boolean => {
  try {
    const verifier = new Verifier(
      {
        certificateAuthorities: [],
        timestampAuthorities: [],
        tlogs: [],
        ctlogs: [],
        publicKey: () => ({ publicKey: key.publicKey, validFor: () => true }),
      },
      KEYS_ONLY,
    );
    const signer = verifier.verify(toSignedEntity(seal.bundle, Buffer.from(bytes)));
    return signer.key.equals(key.publicKey);
  } catch {
    return false;
  }
};
