// SPDX-License-Identifier: Apache-2.0
// What a decision goes by beside the policies.
import type { Access } from '../cel/index.ts';
import type { DecisionLimits } from './limits.ts';
import type { AdmissionRequest, JsonObject } from './request.ts';

export type AdmissionFacts = {
  readonly request: AdmissionRequest;
  /** Where the request is inside of a namespace, that one; null where there is none or it is not known. */
  readonly namespaceObject: JsonObject | null;
  /** The Tenant object that the namespace belongs to. */
  readonly tenant: JsonObject | null;
  /** Whether the request is Writ's to decide; by default the tenant label of the namespace says it. */
  readonly governed?: boolean;
  readonly limits?: DecisionLimits;
  /** Answers what policies ask the authorizer (`access.ts`); without it each question is an error. */
  readonly access?: Access;
};
