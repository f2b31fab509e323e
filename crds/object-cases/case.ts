// SPDX-License-Identifier: Apache-2.0
// Objects with the verdict that their schema must give: read by validators.test.ts, which asks the generated validators,
// and by crds.test.ts, which asks a real API server. Test data only.

export type ObjectCase = {
  readonly what: string;
  readonly object: Readonly<Record<string, unknown>>;
  /** What the schema finds wrong: the validator's instance path and keyword, the API server's field path. */
  readonly wrong?: { readonly at: string; readonly keyword: string; readonly field: string };
  /** The message of the x-kubernetes-validations rule that refuses it; validators know nothing of those. */
  readonly rule?: string;
};

export type Fields = Readonly<Record<string, unknown>>;

export const object = (kind: string, spec: unknown, others: Fields = {}): Fields => ({
  apiVersion: 'writ.dev/v1alpha1',
  kind,
  metadata: { name: 'example', ...(kind === 'GitSource' ? { namespace: 'default' } : {}) },
  spec,
  ...others,
});

export const sha256 = '0123456789abcdef'.repeat(4);
