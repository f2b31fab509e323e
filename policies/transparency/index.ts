// SPDX-License-Identifier: Apache-2.0
/**
 * The audit log as its readers see it (C2SP tlog-tiles, tlog-checkpoint, signed-note, tlog-cosignature, tlog-proof): one log for
 * each tenant, one for what concerns no tenant, and a root log whose entries are the checkpoints of the others.
 *
 * In: the files of an export, the keys that somebody trusts, checkpoints that they kept. Out: for each log how far it reaches and
 * who vouches for it, and a coded problem with its place for whatever was changed, cut, moved, left out or told differently to
 * somebody else. Pure: the operator writes by it, the command line checks by it, without a cluster.
 */
import { hash } from 'node:crypto';
import { own } from '../document/json.ts';
import type { Problem, ProblemCode } from '../problem.ts';
import { ANCHOR_ACTION, anchorOf, keptAnchors, looseAnchor } from './anchor.ts';
import type { Anchor, KeptCheckpoint } from './anchor.ts';
import type { AuditEntry } from './entry.ts';
import { whatIsMissing } from './completeness.ts';
import type { RootProof } from './completeness.ts';
import { checkLog } from './log-check.ts';
import type { ReadFile } from './log-check.ts';
import { ANCHOR_NAME, CHECKPOINT_NAME, MANIFEST_NAME, readManifest } from './manifest.ts';
import type { EntryRange, Manifest } from './manifest.ts';
import { folderOf, openCheckpoint } from './signed-checkpoint.ts';
import type { AuditTrust, SignedCheckpoint } from './signed-checkpoint.ts';
import { earlierRoots } from './tree-check.ts';
import type { TreeBase } from './tree-check.ts';

export type ExportInput = {
  /** All files, with `/` between folders, the manifest too. */
  readonly names: readonly string[];
  readonly read: ReadFile;
  readonly trust: AuditTrust;
  /** Checkpoints that somebody kept, from this log or from a witness. */
  readonly since: readonly KeptCheckpoint[];
};

export type LogReport = {
  readonly folder: string;
  readonly origin: string;
  readonly size: number;
  /** Hexadecimal digits. */
  readonly root: string;
  /** Entries that came along and were read. */
  readonly entries: number;
  readonly range: EntryRange;
  readonly firstTs: string | undefined;
  readonly lastTs: string | undefined;
  /** How many entries the root log vouches for; undefined of the root log itself. */
  readonly anchoredSize: number | undefined;
  readonly cosigned: readonly { readonly name: string; readonly timeMs: number }[];
};

export type ExportReport = {
  readonly logs: readonly LogReport[];
  /**
   * All logs that the root log names, or only those that are here, by proofs out of the root log: of others they say nothing. How
   * many entries the root log has that was asked; undefined where none was.
   */
  readonly scope: { readonly kind: 'all' | 'these'; readonly rootSize: number | undefined };
  /** Encrypted fields by the id of their key, and whether the log says that the key was destroyed. */
  readonly sealed: ReadonlyMap<string, { readonly fields: number; readonly erased: boolean }>;
  readonly problems: readonly Problem[];
};

/** An entry that says that data keys were destroyed. */
export const ERASED_ACTION = 'subject.erased';

const isNotable = (action: string): boolean => action === ANCHOR_ACTION || action === ERASED_ACTION;

const startOf = (file: string): Anchor['place'] => ({ file, line: 1, column: 1 });

export const verifyExport = ({ names, read, trust, since }: ExportInput): ExportReport => {
  const problems: Problem[] = [];
  const say = (code: ProblemCode, message: string, file: string): void => void problems.push({ code, message, at: startOf(file) });
  const none: ExportReport = { logs: [], scope: { kind: 'these', rootSize: undefined }, sealed: new Map(), problems };
  const bytes = read(MANIFEST_NAME);
  const manifest = bytes === undefined ? undefined : readManifest(bytes);
  if (manifest === undefined) {
    const [code, message] =
      bytes === undefined ? (['AUDIT_INCOMPLETE', 'there is no manifest'] as const) : (['AUDIT_MALFORMED', 'not a manifest'] as const);
    say(code, message, MANIFEST_NAME);
    return none;
  }
  problems.push(...fileProblems(manifest, names, read));
  const expected = new Set<string>([MANIFEST_NAME]);
  const sealed = new Map<string, { fields: number; erased: boolean }>();
  const keyOf = (kid: string): { fields: number; erased: boolean } => {
    const held = sealed.get(kid) ?? { fields: 0, erased: false };
    sealed.set(kid, held);
    return held;
  };
  const anchors: Anchor[] = [];
  const proofs: RootProof[] = [];
  /** Of what they hold nothing is known. */
  const unopened: string[] = [];
  const opened: { readonly folder: string; readonly checkpoint: SignedCheckpoint; readonly tree: TreeBase | undefined }[] = [];
  const reports: LogReport[] = [];

  for (const [folder, range] of manifest.logs) {
    const name = `${folder}/${CHECKPOINT_NAME}`;
    expected.add(name);
    const note = read(name);
    const outcome = note === undefined ? undefined : openCheckpoint(note, trust);
    if (outcome?.ok !== true) {
      if (outcome === undefined) say('AUDIT_INCOMPLETE', 'a log has a checkpoint, and it is missing', name);
      else problems.push({ ...outcome.problem, at: startOf(name) });
      unopened.push(`${folder}/`);
      continue;
    }
    const { checkpoint } = outcome;
    if (folderOf(checkpoint.origin, checkpoint.signer) !== folder) {
      say('AUDIT_CHANGED', `the checkpoint is of the log ${checkpoint.origin.slice(0, 200)}`, name);
      continue;
    }
    if (range.to > checkpoint.size || range.from % 256 !== 0 || (range.to % 256 !== 0 && range.to !== checkpoint.size))
      say('AUDIT_MALFORMED', `the manifest names entries ${range.from} to ${range.to} of ${checkpoint.size} in ${folder}`, MANIFEST_NAME);
    const each = (entry: AuditEntry, index: number): void => {
      for (const { kid } of Object.values(entry.enc ?? {})) keyOf(kid).fields += 1;
      const kids = entry.action === ERASED_ACTION ? own(entry.detail ?? {}, 'kids') : undefined;
      if (Array.isArray(kids)) for (const kid of kids) if (typeof kid === 'string') keyOf(kid).erased = true;
      const anchor = folder === 'root' ? anchorOf(entry, startOf(`root entry ${index}`)) : undefined;
      if (anchor !== undefined) anchors.push(anchor);
    };
    const log = checkLog({ folder, checkpoint, range, read, isNotable, each });
    problems.push(...log.problems);
    for (const file of log.files) expected.add(file);
    const loose = folder === 'root' ? undefined : looseAnchor({ folder, origin: checkpoint.origin }, manifest, { read, trust });
    if (loose !== undefined) {
      expected.add(`${folder}/${ANCHOR_NAME}`);
      if (loose.problem !== undefined) problems.push(loose.problem);
      else {
        anchors.push(loose.anchor);
        proofs.push({ checkpoint: loose.root, place: loose.anchor.place });
      }
    }
    opened.push({ folder, checkpoint, tree: log.tree });
    reports.push({
      folder,
      origin: checkpoint.origin,
      size: checkpoint.size,
      root: checkpoint.root.toString('hex'),
      entries: log.entries,
      range,
      firstTs: log.firstTs,
      lastTs: log.lastTs,
      anchoredSize: undefined,
      cosigned: (loose?.problem === undefined ? (loose?.root ?? checkpoint) : checkpoint).cosigned.map(({ key, timeMs }) => ({
        name: key.name,
        timeMs: timeMs ?? 0,
      })),
    });
  }
  for (const file of manifest.files.keys())
    if (!expected.has(file) && !unopened.some((start) => file.startsWith(start)))
      say('AUDIT_CHANGED', 'no file of a log, of the size that is signed, has this name', file);

  const remembered = keptAnchors(since, trust, problems);
  const checkpoints = opened.map(({ checkpoint }) => checkpoint);
  problems.push(...whatIsMissing({ named: manifest.logs, opened: checkpoints, anchors, kept: remembered, proofs, trust }));
  const proven = proofs.map(({ checkpoint: { origin, size, root }, place }) => ({ origin, size, root: root.toString('hex'), place }));
  const kept = [...anchors, ...remembered, ...proven];
  const logs = reports.map((report): LogReport => {
    const tree = opened.find(({ folder }) => folder === report.folder)?.tree;
    const own = kept.filter(({ origin }) => origin === report.origin);
    const sizes = own.map(({ size }) => size);
    const roots = tree === undefined ? undefined : earlierRoots(tree, sizes);
    for (const { size, root, place } of own) {
      const at = { at: place };
      if (size > report.size)
        problems.push({
          code: 'AUDIT_INCOMPLETE',
          message: `${report.folder} had ${size} entries there, here it ends after ${report.size}`,
          ...at,
        });
      else if (roots !== undefined && roots.get(size)?.toString('hex') !== root)
        problems.push({
          code: 'AUDIT_FORK',
          message: `its first ${size} entries were others there than they are here, in ${report.folder}`,
          ...at,
        });
    }
    if (report.folder === 'root') return report;
    const reached = anchors.filter(({ origin }) => origin === report.origin).map(({ size }) => size);
    if (reached.length === 0)
      say('AUDIT_INCOMPLETE', 'neither the root log nor a proof out of it came along', `${report.folder}/${ANCHOR_NAME}`);
    return { ...report, anchoredSize: reached.length === 0 ? undefined : Math.max(...reached) };
  });
  const root = reports.find(({ folder }) => folder === 'root');
  const scope = { kind: root === undefined ? ('these' as const) : ('all' as const), rootSize: root?.size ?? proofs[0]?.checkpoint.size };
  return { logs, scope, sealed, problems };
};

const fileProblems = ({ files }: Manifest, names: readonly string[], read: ReadFile): readonly Problem[] => {
  const strangers = names.filter((name) => name !== MANIFEST_NAME && !files.has(name));
  const said = (code: ProblemCode, message: string, file: string): Problem => ({ code, message, at: startOf(file) });
  return [
    ...strangers.map((name) => said('AUDIT_CHANGED', 'the manifest does not name this file', name)),
    ...[...files].flatMap(([name, { bytes, digest }]) => {
      const content = read(name);
      if (content === undefined) return [said('AUDIT_INCOMPLETE', 'the manifest names this file, and it is missing', name)];
      if (content.length < bytes) return [said('AUDIT_INCOMPLETE', `it ends after ${content.length} of ${bytes} bytes`, name)];
      const isSame = content.length === bytes && `sha256:${hash('sha256', content, 'hex')}` === digest;
      return isSame ? [] : [said('AUDIT_CHANGED', 'it is not the file that the manifest names', name)];
    }),
  ];
};
