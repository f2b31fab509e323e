// SPDX-License-Identifier: Apache-2.0
/**
 * A Ruleset object → the release that its bytes order, or a coded refusal: size, seal, schema, kind and name, members.
 *
 * In: an object of the cluster, a `Trust`, the time. Out: a `Judged` like that of a Policy. Only `signature` counts: the
 * document, its bundles and the members that the document seals by their digests. Pure and total, and one for operator and
 * replicas, for the reasons told in `policy-object.ts`.
 */
import { Buffer } from 'node:buffer';
import { atOnce, finish } from './steps.ts';
import { fileOf } from './currency/removal.ts';
import { endOf } from './policy-object.ts';
import type { Judge, JudgeInSteps, Judged, SealedObject, SignedPolicy } from './policy-object.ts';
import type { Problem } from './problem.ts';
import { readReleaseInSteps, sizeProblem } from './ruleset/index.ts';
import { verifyEver } from './trust/as-of.ts';
import type { EvidenceMemory } from './trust/evidence-memory.ts';

const refuse = (problem: Problem): Judged => ({ ok: false, problem });

/** `evidence`: what was proven before of the seals' log entries and timestamps. */
export const createRulesetJudge = (evidence?: EvidenceMemory): JudgeInSteps => {
  const judge: JudgeInSteps = function* ({ metadata: { name }, signature }, trust, atMs) {
    if (signature === undefined)
      return refuse({ code: 'POLICY_UNSIGNED', message: `ruleset ${name} carries no signed document`, path: 'signature' });
    const tooLarge = sizeProblem(signature);
    if (tooLarge !== undefined) return refuse(tooLarge);
    yield;
    const { document: text, bundles = [], members = [] } = signature;
    const artifact = { bytes: Buffer.from(text), bundles, file: fileOf({ kind: 'Ruleset', name }), evidence };
    const { outcome, withdrawn } = yield* verifyEver(artifact, trust, atMs);
    const { untilMs } = outcome.turn;
    if (!outcome.ok) return { ok: false, problem: outcome.problem, untilMs };
    const { document } = outcome;
    if (document.kind !== 'Ruleset' || document.name !== name) {
      const message = `the object is Ruleset ${name}, its document is ${document.kind} ${document.name}`;
      return refuse({ code: 'POLICY_NAME_MISMATCH', message });
    }
    const { object: ruleset, digest, version, parsed } = document;
    const files = members.map((member) => ({ path: member.path, bytes: Buffer.from(member.document) }));
    yield;
    const release = yield* readReleaseInSteps({ ruleset, parsed }, files);
    const signed: SignedPolicy = {
      kind: 'Ruleset',
      name,
      digest,
      version,
      ...endOf(outcome),
      retired: ruleset.spec.retired === true,
      // Under the names by which they decide, so that whatever is made of one speaks of the release.
      policies: release.ok
        ? release.members.map((member) => ({ ...member.policy, metadata: { ...member.policy.metadata, name: member.compiled.name } }))
        : [],
      signers: outcome.signers.map((signer) => signer.name),
      ruleset,
      ...(withdrawn === undefined ? {} : { withdrawn }),
    };
    if (!release.ok) {
      const problem: Problem = release.problems[0] ?? { code: 'DOCUMENT_INVALID', message: `ruleset ${name} cannot be read` };
      return { ok: false, problem, signed, untilMs };
    }
    // No more of the object than is judged, since the document keeps it.
    const object: SealedObject = { kind: 'Ruleset', metadata: { name }, signature };
    const compiled = release.members.map((member) => member.compiled);
    return { ok: true, document: { ...signed, compiled, again: (by, nowMs) => finish(judge(object, by, nowMs)) }, untilMs };
  };
  return judge;
};

export const judgeRulesetObject: Judge = atOnce(createRulesetJudge());
