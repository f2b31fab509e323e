// SPDX-License-Identifier: Apache-2.0
// What the root log says of the others: their checkpoints are its entries. Told by the root log itself, by a proof out of it, or by
// a checkpoint that somebody kept.
import { own } from '../document/json.ts';
import type { Problem, ProblemCode } from '../problem.ts';
import { textAt } from '../trust/strict-json.ts';
import type { AuditEntry } from './entry.ts';
import { openProof } from './entry-proof.ts';
import type { ReadFile } from './log-check.ts';
import { ANCHOR_NAME } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import { openCheckpoint } from './signed-checkpoint.ts';
import type { AuditTrust, SignedCheckpoint } from './signed-checkpoint.ts';

/** An entry of the root log: the checkpoint of another log. */
export const ANCHOR_ACTION = 'log.checkpoint';
export type Anchor = { readonly origin: string; readonly size: number; readonly root: string; readonly place: NonNullable<Problem['at']> };

export const anchorOf = (entry: AuditEntry, place: Anchor['place']): Anchor | undefined => {
  if (entry.action !== ANCHOR_ACTION || entry.detail === undefined) return undefined;
  const [origin, root] = [textAt(entry.detail, 'origin'), textAt(entry.detail, 'root')];
  const size = own(entry.detail, 'size');
  return origin === undefined || root === undefined || typeof size !== 'number' ? undefined : { origin, size, root, place };
};

const startOf = (file: string): Anchor['place'] => ({ file, line: 1, column: 1 });

export type KeptCheckpoint = { /** For people: where it came from. */ readonly name: string; readonly bytes: Uint8Array };

/** `checkpoint`: as it was kept. */
export type KeptAnchor = Anchor & { readonly checkpoint: SignedCheckpoint };

export type LooseAnchor =
  | { readonly problem: Problem }
  | {
      readonly anchor: Anchor;
      /** Of the root log that the proof is out of. */ readonly root: SignedCheckpoint;
      readonly problem?: undefined;
    };

/** The proof that the root log holds a checkpoint of this log, where it came along instead of the root log. */
export const looseAnchor = (
  { folder, origin }: { readonly folder: string; readonly origin: string },
  manifest: Manifest,
  { read, trust }: { readonly read: ReadFile; readonly trust: AuditTrust },
): LooseAnchor | undefined => {
  const name = `${folder}/${ANCHOR_NAME}`;
  if (!manifest.files.has(name)) return undefined;
  const no = (code: ProblemCode, message: string): LooseAnchor => ({ problem: { code, message, at: startOf(name) } });
  const content = read(name);
  if (content === undefined) return no('AUDIT_INCOMPLETE', 'the proof out of the root log is missing');
  const proof = openProof(content, trust, name);
  if (!proof.ok) return { problem: proof.problem };
  const { entry, checkpoint } = proof;
  if (checkpoint.origin !== checkpoint.signer.name) return no('AUDIT_CHANGED', 'the proof is out of a log that is not the root log');
  const anchor = anchorOf(entry, startOf(name));
  if (anchor === undefined) return no('AUDIT_MALFORMED', 'the entry of the root log is no checkpoint');
  if (anchor.origin !== origin) return no('AUDIT_CHANGED', `the proof is of the log ${anchor.origin.slice(0, 200)}`);
  return { anchor, root: checkpoint };
};

/** Their roots are held against the trees here; who signed them is asked as well, a quorum of witnesses is not. */
export const keptAnchors = (since: readonly KeptCheckpoint[], trust: AuditTrust, problems: Problem[]): readonly KeptAnchor[] =>
  since.flatMap(({ name, bytes }): readonly KeptAnchor[] => {
    const outcome = openCheckpoint(bytes, { ...trust, quorum: 0 });
    if (!outcome.ok) {
      problems.push({ ...outcome.problem, at: startOf(name) });
      return [];
    }
    const { origin, size, root } = outcome.checkpoint;
    return [{ origin, size, root: root.toString('hex'), place: startOf(name), checkpoint: outcome.checkpoint }];
  });
