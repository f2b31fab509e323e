// SPDX-License-Identifier: Apache-2.0
// The TrustPolicy document → `Trust`. Whose seal counts is decided by these bytes, so they are compared with the pinned
// digest before anything in them is read.
import type { TrustPolicy, TrustPolicyPublicKey } from '../../crds/generated/types.ts';
import { digestOf } from '../document/digest.ts';
import { parseDocument } from '../document/index.ts';
import type { JsonPath, ParsedDocument } from '../document/index.ts';
import { formatPath } from '../document/json.ts';
import { validateDocument } from '../document/validate.ts';
import type { Problem, ProblemCode } from '../problem.ts';
import { readPublicKey } from './key.ts';
import type { Principal, Trust, TrustedKey } from './trust.ts';

export type LoadOutcome =
  | { readonly ok: true; readonly trust: Trust }
  | { readonly ok: false; readonly problem: Problem; /** All of them; `problem` is the first. */ readonly problems: readonly Problem[] };

/** `pinnedDigest` is `sha256:hex`; `file` names the document in problems. */
export type LoadOptions = { readonly pinnedDigest: string; readonly file?: string };

const refuse = (problem: Problem, others: readonly Problem[] = []): LoadOutcome => ({ ok: false, problem, problems: [problem, ...others] });

const timeOf = (text: string | undefined, missing: number): number => (text === undefined ? missing : Date.parse(text));

type KeyPlace = { readonly document: ParsedDocument; readonly path: JsonPath };

const problemAt = (place: KeyPlace, code: ProblemCode, message: string): Problem => ({
  code,
  message,
  at: place.document.positionOf(place.path),
  path: formatPath(place.path),
});

const readKey = (entry: TrustPolicyPublicKey, principal: Principal, place: KeyPlace): { key: TrustedKey } | { problem: Problem } => {
  const read = readPublicKey(entry.pem);
  if (read === undefined) {
    const path = [...place.path, 'pem'];
    return { problem: problemAt({ ...place, path }, 'TRUST_KEY_INVALID', `a key of ${principal.name} is not a public key in PEM`) };
  }
  const validFromMs = timeOf(entry.validFor?.start, Number.NEGATIVE_INFINITY);
  const validUntilMs = timeOf(entry.validFor?.end, Number.POSITIVE_INFINITY);
  if (!(validFromMs <= validUntilMs)) {
    const path = [...place.path, 'validFor'];
    return { problem: problemAt({ ...place, path }, 'TRUST_INVALID', 'the key is never valid: start is not before end') };
  }
  return { key: { ...read, principal, validFromMs, validUntilMs } };
};

type Keys = { readonly principals: Map<string, Principal>; readonly keys: Map<string, TrustedKey>; readonly problems: Problem[] };

const readPrincipals = (policy: TrustPolicy, document: ParsedDocument): Keys => {
  const principals = new Map<string, Principal>();
  const keys = new Map<string, TrustedKey>();
  const problems: Problem[] = [];
  for (const [index, { name, publicKeys }] of policy.spec.principals.entries()) {
    const principal = { name };
    const path = ['spec', 'principals', index];
    if (principals.has(name)) problems.push(problemAt({ document, path }, 'TRUST_INVALID', `the principal ${name} is listed twice`));
    principals.set(name, principal);
    for (const [keyIndex, entry] of (publicKeys ?? []).entries()) {
      const place = { document, path: [...path, 'publicKeys', keyIndex] };
      const read = readKey(entry, principal, place);
      if ('problem' in read) {
        problems.push(read.problem);
        continue;
      }
      // One key under two names would let one person fill a threshold of two.
      const other = keys.get(read.key.hint);
      if (other !== undefined)
        problems.push(problemAt(place, 'TRUST_KEY_SHARED', `this key is already listed under ${other.principal.name}`));
      keys.set(read.key.hint, read.key);
    }
  }
  return { principals, keys, problems };
};

/** Fields that the schema knows and nothing obeys yet: a trust policy that relies on one would be weaker than it reads. */
const unsupportedFields = ({ spec }: TrustPolicy): readonly JsonPath[] => [
  ...(spec.unsigned === 'Audit' ? [['spec', 'unsigned']] : []),
  ...(spec.trustedRootSha256 === undefined ? [] : [['spec', 'trustedRootSha256']]),
  ...spec.principals.flatMap(({ minRsaBits }, index) => (minRsaBits === undefined ? [] : [['spec', 'principals', index, 'minRsaBits']])),
];

const build = (policy: TrustPolicy, document: ParsedDocument): LoadOutcome => {
  const { spec } = policy;
  const { principals, keys, problems } = readPrincipals(policy, document);
  const expires = spec.expires === undefined ? undefined : Date.parse(spec.expires);
  if (Number.isNaN(expires)) problems.push(problemAt({ document, path: ['spec', 'expires'] }, 'TRUST_INVALID', 'expires is not a time'));
  for (const path of unsupportedFields(policy))
    problems.push(
      problemAt(
        { document, path },
        'TRUST_FIELD_UNSUPPORTED',
        path.at(-1) === 'unsigned' ? 'Audit is not supported' : 'it is not supported',
      ),
    );
  const [first, ...others] = problems;
  if (first !== undefined) return refuse(first, others);
  return {
    ok: true,
    trust: {
      digest: document.digest,
      version: spec.version,
      expires,
      principals,
      keys,
      rules: spec.rules.map((rule) => ({
        kinds: new Set<string>(rule.kinds),
        publisherTiers: new Set<string>(rule.publisherTiers),
        allOf: rule.allOf.map((group) => ({ threshold: group.threshold, principals: new Set(group.principals) })),
      })),
      revoked: {
        principals: new Set(spec.revoked?.principals),
        keys: new Set(spec.revoked?.keys),
        documents: new Set(spec.revoked?.documents),
      },
    },
  };
};

/** Total. Whether the trust policy has expired is judged by `verify`, which is told the time. */
export const loadTrust = (bytes: Uint8Array, options: LoadOptions): LoadOutcome => {
  const file = options.file ?? 'trust policy';
  const digest = digestOf(bytes);
  const at = { file, line: 1, column: 1 };
  if (digest !== options.pinnedDigest) {
    return refuse({ code: 'TRUST_NOT_PINNED', message: `its digest is ${digest}, pinned is ${options.pinnedDigest}`, at });
  }
  const parsed = parseDocument(bytes, file);
  const outcome = parsed.ok ? validateDocument(parsed.document) : parsed;
  if (!outcome.ok || !parsed.ok) {
    const [first, ...others] = outcome.ok ? [] : outcome.problems;
    return refuse(first ?? { code: 'TRUST_INVALID', message: 'it cannot be read', at }, others);
  }
  if (outcome.kind !== 'TrustPolicy') {
    const message = `a ${outcome.kind} is no TrustPolicy`;
    return refuse({ code: 'TRUST_INVALID', message, at: parsed.document.positionOf(['kind']), path: 'kind' });
  }
  return build(outcome.object, parsed.document);
};
