// SPDX-License-Identifier: Apache-2.0
// Catalogs and licenses as objects of a cluster, sealed by a key made for the occasion, for tests.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { generateKeyPairSync } from 'node:crypto';
import { isRecord } from '../../crds/wire.ts';
import { digestOf } from '../document/digest.ts';
import type { SealedObject } from '../policy-object.ts';
import { loadTrust } from '../trust/index.ts';
import type { Trust } from '../trust/index.ts';
import { seal } from '../trust/seal.ts';
import { keyed, trustBytes } from '../trust/test-trust.ts';

const vendor = generateKeyPairSync('ed25519');
const stranger = generateKeyPairSync('ed25519');

export type SealedEntitlement = SealedObject & {
  readonly kind: 'TierCatalog' | 'License';
  readonly spec: object;
  readonly signature: NonNullable<SealedObject['signature']>;
};

type Spec = { readonly version: number; readonly [field: string]: unknown };

const bytesOfTrust = (kinds: readonly string[]): Buffer => trustBytes({ principals: [keyed('vendor', vendor.publicKey)], kinds });

/** What seals both kinds, and what seals only other ones. */
export const trustBytesFor = (kinds: readonly string[] = ['TierCatalog', 'License', 'Policy']): Buffer => bytesOfTrust(kinds);

export const trustFor = (kinds?: readonly string[]): Trust => {
  const bytes = trustBytesFor(kinds);
  const loaded = loadTrust(bytes, { pinnedDigest: digestOf(bytes) });
  assert.ok(loaded.ok);
  return loaded.trust;
};

export const sealedEntitlement = (
  kind: 'TierCatalog' | 'License',
  name: string,
  { spec, by = 'vendor' }: { readonly spec: Spec; readonly by?: 'vendor' | 'stranger' | 'nobody' },
): SealedEntitlement => {
  const document = `${JSON.stringify({ apiVersion: 'writ.dev/v1alpha1', kind, metadata: { name }, spec })}\n`;
  const parsed: unknown = JSON.parse(document);
  assert.ok(isRecord(parsed) && isRecord(parsed['spec']));
  const key = by === 'stranger' ? stranger : vendor;
  const bundles = by === 'nobody' ? [] : [seal(Buffer.from(document), key.privateKey)];
  return { kind, metadata: { name }, spec: parsed['spec'], signature: { document, bundles } };
};

export const INSTALLATION = '0f9f2f0e-6a39-4a4e-b14e-3b7d8b1f9e11';

export const catalogAt = (version: number, more: object = {}): SealedEntitlement =>
  sealedEntitlement('TierCatalog', 'cluster', {
    spec: {
      version,
      tiers: [
        { name: 'Free', limits: { namespaces: 1 } },
        { name: 'Enterprise', license: 'Required', limits: { namespaces: 10 * version } },
      ],
      ...more,
    },
  });

export const licenseAt = (version: number, more: object = {}): SealedEntitlement =>
  sealedEntitlement('License', 'acme', {
    spec: { version, installation: INSTALLATION, tier: 'Enterprise', expires: '2026-08-01T00:00:00Z', ...more },
  });

export const digestOfObject = ({ signature }: SealedEntitlement): string => digestOf(Buffer.from(signature.document));
