// SPDX-License-Identifier: Apache-2.0
// What ought to be in an export and is not. A manifest is signed by nobody, so that it names a log proves nothing, and that it does
// not name one proves even less: what must be there is said by the root log, by proofs out of it and by what somebody kept.
import type { Problem, ProblemCode } from '../problem.ts';
import type { Anchor, KeptAnchor } from './anchor.ts';
import { MANIFEST_NAME } from './manifest.ts';
import type { EntryRange } from './manifest.ts';
import { folderOf } from './signed-checkpoint.ts';
import type { AuditTrust, SignedCheckpoint } from './signed-checkpoint.ts';

/** A checkpoint of the root log that a proof out of it ends in. */
export type RootProof = { readonly checkpoint: SignedCheckpoint; readonly place: Anchor['place'] };

export type Completeness = {
  /** What the manifest names. */
  readonly named: ReadonlyMap<string, EntryRange>;
  /** Checkpoints of logs that came along and hold. */
  readonly opened: readonly SignedCheckpoint[];
  readonly anchors: readonly Anchor[];
  readonly kept: readonly KeptAnchor[];
  readonly proofs: readonly RootProof[];
  readonly trust: AuditTrust;
};

const manifest: Anchor['place'] = { file: MANIFEST_NAME, line: 1, column: 1 };

const said = (code: ProblemCode, message: string, at: Anchor['place']): Problem => ({ code, message, at });

/** How many entries of the root log an export speaks for, and whether all logs that it names must be in it. */
const isRoot = ({ origin, signer }: SignedCheckpoint): boolean => origin === signer.name;

/** The root log itself is not here: its checkpoint that was kept is held against the one that the proofs end in. */
const keptRoot = ({ checkpoint: mine, place }: KeptAnchor, proofs: readonly RootProof[], { quorum }: AuditTrust): Problem | undefined => {
  const [proof] = proofs.filter(({ checkpoint }) => checkpoint.origin === mine.origin);
  const shown = proof?.checkpoint;
  if (shown === undefined) return said('AUDIT_INCOMPLETE', 'the root log, and any proof out of it, is not in the export', place);
  if (shown.size < mine.size)
    return said('AUDIT_INCOMPLETE', `the root log had ${mine.size} entries there, the proof is out of one of ${shown.size}`, place);
  if (shown.size === mine.size)
    return shown.root.equals(mine.root)
      ? undefined
      : said('AUDIT_FORK', `the root log of ${mine.size} entries was another there than the one that the proof is out of`, place);
  // Who cosigned both has seen that the one grew out of the other.
  const both = shown.cosigned.filter(({ key }) => mine.cosigned.some((seal) => seal.key === key));
  if (both.length >= Math.max(quorum, 1)) return undefined;
  return said(
    'AUDIT_INCOMPLETE',
    `whether the root log grew from its ${mine.size} entries to the ${shown.size} of the proof is said by nobody: ` +
      'it takes the root log, or witnesses that cosigned both',
    place,
  );
};

const proofsDiffer = ([first, ...others]: readonly RootProof[]): readonly Problem[] =>
  others.flatMap(({ checkpoint, place }) => {
    if (first === undefined || checkpoint.root.equals(first.checkpoint.root)) return [];
    return checkpoint.size === first.checkpoint.size
      ? [said('AUDIT_FORK', `the root log of ${checkpoint.size} entries is another than in ${first.place.file}`, place)]
      : [said('AUDIT_INCOMPLETE', `it is out of another checkpoint of the root log than ${first.place.file}`, place)];
  });

export const whatIsMissing = ({ named, opened, anchors, kept, proofs, trust }: Completeness): readonly Problem[] => {
  const problems: Problem[] = [];
  if (named.size === 0) problems.push(said('AUDIT_INCOMPLETE', 'it names no log', manifest));
  const root = opened.find(isRoot);
  const range = named.get('root');
  if (root !== undefined && range !== undefined && (range.from > 0 || range.to < root.size))
    problems.push(
      said('AUDIT_INCOMPLETE', `of the root log only entries ${range.from} to ${range.to} of ${root.size} are named`, manifest),
    );
  const origins = new Set(opened.map(({ origin }) => origin));
  const told = new Set<string>();
  for (const { origin, place } of root === undefined ? [] : anchors.toReversed()) {
    if (origins.has(origin) || told.has(origin)) continue;
    told.add(origin);
    // Of one that is named it was told what is wrong with it.
    if (root !== undefined && named.has(folderOf(origin, root.signer) ?? '')) continue;
    problems.push(said('AUDIT_INCOMPLETE', `the root log names ${origin.slice(0, 200)}, and that log is not in the export`, place));
  }
  for (const one of kept) {
    const { origin, place } = one;
    if (origins.has(origin)) continue;
    const problem = isRoot(one.checkpoint)
      ? keptRoot(one, proofs, trust)
      : said('AUDIT_INCOMPLETE', `the log ${origin.slice(0, 200)} is not in the export`, place);
    if (problem !== undefined) problems.push(problem);
  }
  if (root === undefined) problems.push(...proofsDiffer(proofs));
  if (trust.quorum > 0 && root === undefined && proofs.length === 0)
    problems.push(
      said('AUDIT_KEY', `${trust.quorum} witnesses are asked for, and no checkpoint that they could have cosigned is here`, manifest),
    );
  return problems;
};
