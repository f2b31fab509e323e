// SPDX-License-Identifier: Apache-2.0
import type { AdmissionRequest } from '../decide/request.ts';

export type Enforcement = 'Deny' | 'Warn' | 'Audit';
export type CompiledPolicy = {
  readonly name: string;
  readonly digest: string;
  readonly version: number;
  readonly title: string;
  readonly enforcement: Enforcement;
};
export type PolicySet = {
  /** sha256:hex over the sorted names and document digests. */
  readonly digest: string;
  readonly policies: readonly CompiledPolicy[];
  readonly candidates: (request: AdmissionRequest) => readonly CompiledPolicy[];
};
