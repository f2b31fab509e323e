// SPDX-License-Identifier: Apache-2.0
// What a policy is after compilation, and the set of all that are enforced together. Nothing in it changes.
import type { Program, Value } from '../cel/index.ts';
import type { AdmissionRequest } from '../decide/request.ts';
import type { SchemaCheck } from './json-schema.ts';
import type { Match } from './match.ts';
import type { Labels } from './selector.ts';

export type Enforcement = 'Deny' | 'Warn' | 'Audit';
export type Reason = 'Unauthorized' | 'Forbidden' | 'Invalid' | 'RequestEntityTooLarge';

export type NamedProgram = { readonly name: string; readonly program: Program };

export type CompiledValidation = {
  readonly program: Program;
  readonly message: string | undefined;
  /** By language tag in lower case. */
  readonly messages: ReadonlyMap<string, string>;
  readonly messageExpression: Program | undefined;
  readonly reason: Reason;
};

/** What a binding gives to its policy for one request: each is judged on its own. */
export type ParamChoice =
  | { readonly ok: true; readonly params: readonly (Value | undefined)[] }
  | { readonly ok: false; readonly message: string };

export type CompiledBinding = {
  readonly name: string;
  readonly match: Match;
  /** The strongest of its validationActions. */
  readonly enforcement: Enforcement;
  /** All of them, in their order. */
  readonly actions: readonly Enforcement[];
  /** undefined where the policy takes none, and `params` is then no variable of it. */
  readonly params: ((requestNamespace: string) => ParamChoice) | undefined;
};

/** The release that a policy is a member of. Of scope Tenants it binds the tenants that name it, and those that nobody knows. */
export type MemberOf = { readonly name: string; readonly release: string | undefined; readonly scope: 'Tenants' | 'Cluster' };

export type CompiledPolicy = {
  /** Of a member `RULESET/POLICY`, which no policy of its own can have. */
  readonly name: string;
  readonly digest: string;
  readonly version: number;
  readonly title: string;
  readonly category: string;
  readonly severity: string;
  readonly enforcement: Enforcement;
  readonly failurePolicy: 'Fail' | 'Ignore';
  readonly match: Match;
  readonly matchConditions: readonly NamedProgram[];
  /** undefined where the policy has none, and `params` is then no variable of it. */
  readonly params: Value | undefined;
  readonly variables: readonly NamedProgram[];
  readonly validations: readonly CompiledValidation[];
  /** Somebody counts what its programs come to, so each is evaluated once at most. */
  readonly isWatched?: true;
  /** Whether an expression may ask what a user is allowed to do. */
  readonly asksAuthorizer: boolean;
  readonly schema: SchemaCheck | undefined;
  readonly auditAnnotations: readonly NamedProgram[];
  /** Of a ValidatingAdmissionPolicy, which says nothing without one; a Policy has none and binds wherever it matches. */
  readonly bindings?: readonly CompiledBinding[];
  /** Nobody has sealed it: it notes, after all others, and opens nothing by being there. */
  readonly unsigned?: true;
  readonly ruleset?: MemberOf;
  /** By what it refuses nothing for now, and until when; for people. */
  readonly suspended?: string;
  /** It binds in namespaces of these tenants alone, and opens nothing by being there. */
  readonly confinedTo?: ReadonlySet<string>;
};

export type PolicySet = {
  /** sha256:hex over names and document digests; equal sets have equal digests in every process. */
  readonly digest: string;
  /** In the order of their names. */
  readonly policies: readonly CompiledPolicy[];
  /** Whether any of them does: for the others no question is ever prepared. */
  readonly asksAuthorizer: boolean;
  /** Whether all of them are without a seal, or a tenant's own: then nothing is verified that could open anything. */
  readonly isUnsigned: boolean;
  /**
   * Those that may apply, in the order of their names, found without looking at the others. `undefined` labels: the
   * namespace is not known. Whether each does apply is `matchOutcome`'s to say.
   */
  readonly candidates: (request: AdmissionRequest, namespaceLabels: Labels | undefined) => readonly CompiledPolicy[];
};
