// SPDX-License-Identifier: Apache-2.0
/**
 * Any workload as one view. In: an admission request. Out: a `Subject` with the lazy CEL structs `workload` (pod specs,
 * containers of every sort, images, labels) and `agent` (is it one, how do we know, what may it do), whatever the kind.
 */
import type { Fields, Value } from '../cel/index.ts';
import type { AdmissionRequest } from '../decide/request.ts';
import type { WorkloadKind } from './workload-kinds.ts';

export type Subject = {
  readonly request: AdmissionRequest;
  readonly object: Value;
  readonly oldObject: Value;
  readonly workload: Fields;
  readonly agent: Fields;
  readonly kindInfo: WorkloadKind | undefined;
};

export const subjectOf = (request: AdmissionRequest): Subject => { throw new Error(request.uid); };
