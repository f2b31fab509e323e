// SPDX-License-Identifier: Apache-2.0
/**
 * What is current: an order that was replaced, or ended by seal, may not be given again.
 *
 * In: marks (the highest version known of each document) and documents whose seals were checked. Out: refusals and raised
 * marks. A version only rises, one version is one document, and a mark never falls or vanishes: whatever is joined, the
 * outcome says at least as much as either side. Pure and total. Operator, replicas and admission share these functions,
 * since they must refuse the same. When a document may end is `removal.ts`. Anyone may import this folder.
 */
import { SET_KIND } from '../../crds/marks.ts';
import type { Mark } from '../../crds/marks.ts';
import type { Problem } from '../problem.ts';

/** By `documentKey`. */
export type Marks = ReadonlyMap<string, Mark>;

/** What is compared with a mark. A retired document enforces nothing: its own mark is `gone` from the start. */
export type Marked = Pick<Mark, 'kind' | 'name' | 'version' | 'digest' | 'source' | 'mayEnd'> & {
  readonly retired?: boolean;
  /** It has no seal: it raises no mark, and never takes the place of what had one. */
  readonly unsigned?: true;
  /** `source` is whose it is now, whoever's it was before; else a version that rises stays with the source of the one before. */
  readonly isOwned?: boolean;
};

/** `Policy/NAME`: documents of two kinds may share a name. */
export const documentKey = ({ kind, name }: Pick<Marked, 'kind' | 'name'>): string => `${kind}/${name}`;

export const noMarks: Marks = new Map();

export const marksOf = (marks: readonly Mark[]): Marks => new Map(marks.map((mark) => [documentKey(mark), mark]));

const titleOf = ({ kind, name }: Marked): string => (kind === SET_KIND ? `the set seal of ${name}` : `${kind.toLowerCase()} ${name}`);

const CODES = {
  document: { older: 'POLICY_ROLLBACK', other: 'POLICY_EQUIVOCATION', word: 'version', path: { path: 'spec.version' } },
  set: { older: 'SET_ROLLBACK', other: 'SET_EQUIVOCATION', word: 'sequence', path: {} },
} as const;

const isSame = (mark: Mark, { version, digest }: Marked): boolean => mark.version === version && mark.digest === digest;

/** Why this document may not be enforced beside what was enforced before; `mark` is that of its key. */
export const checkMark = (mark: Mark | undefined, document: Marked): Problem | undefined => {
  const { version, digest } = document;
  if (document.unsigned === true && mark !== undefined)
    return {
      code: 'POLICY_UNSIGNED',
      message: `${titleOf(document)} was enforced under seal, so one without a seal does not count`,
      path: 'signature',
    };
  if (mark === undefined || version > mark.version) return undefined;
  const isEnded = mark.gone === true && document.retired !== true;
  if (isSame(mark, document) && !isEnded) return undefined;
  const { older, other, word, path } = document.kind === SET_KIND ? CODES.set : CODES.document;
  const title = `${word} ${version} of ${titleOf(document)}`;
  if (version < mark.version)
    return { code: older, message: `${title} is older than ${word} ${mark.version}, which was enforced`, ...path };
  if (digest !== mark.digest) return { code: other, message: `${title} exists already with other bytes`, ...path };
  return { code: older, message: `${title} was ended by seal; it can come back under a higher ${word} only`, ...path };
};

const sourceOf = ({ source, isOwned }: Marked, before: Mark | undefined): string | undefined =>
  before === undefined || before.gone === true || isOwned === true ? source : before.source;

const markOf = (document: Marked, before: Mark | undefined): Mark => {
  const { kind, name, version, digest, retired, mayEnd } = document;
  const source = sourceOf(document, before);
  return {
    kind,
    name,
    version,
    digest,
    ...(source === undefined ? {} : { source }),
    ...(mayEnd === undefined ? {} : { mayEnd }),
    ...(retired === true ? { gone: true } : {}),
  };
};

/** The marks after these were enforced. */
export const raiseMarks = (marks: Marks, enforced: readonly Marked[]): Marks => {
  const raised = new Map(marks);
  for (const document of enforced) {
    if (document.unsigned === true) continue;
    const key = documentKey(document);
    const mark = raised.get(key);
    if (mark === undefined || document.version > mark.version) raised.set(key, markOf(document, mark));
    else if (isSame(mark, document) && mark.gone !== true && sourceOf(document, mark) !== mark.source)
      raised.set(key, markOf(document, mark));
  }
  return raised;
};

/** The marks after these were ended by seal: nothing of them has to be there, and their versions stay. */
export const endMarks = (marks: Marks, ended: readonly Marked[]): Marks => {
  const raised = new Map(raiseMarks(marks, ended));
  for (const document of ended) {
    const key = documentKey(document);
    const mark = raised.get(key);
    if (mark !== undefined && isSame(mark, document)) raised.set(key, { ...mark, gone: true });
  }
  return raised;
};

/** The seal of a whole source, as its mark has it. */
export const markedSet = (source: string, set: { readonly sequence: number; readonly digest: string }): Marked => ({
  kind: SET_KIND,
  name: source,
  version: set.sequence,
  digest: set.digest,
});

/** The higher of each. At equal versions `own` counts: it was verified here, what is told may have been written by anyone. */
export const joinMarks = (own: Marks, told: Marks): Marks => {
  const joined = new Map(own);
  for (const [key, mark] of told) {
    const known = joined.get(key);
    if (known === undefined || mark.version > known.version) joined.set(key, mark);
  }
  return joined;
};

export type GoneTold = {
  readonly marks: Marks;
  /** By `documentKey`: what is gone by hearsay alone. */ readonly toldGone: ReadonlySet<string>;
};

/**
 * What others saw end of the very version that is marked here and does not stand: one that began with its mark and never held it
 * cannot see it end. It is hearsay: nothing that stands ends by it, and it lasts as long as it is told.
 */
export const hearGone = (own: Marks, told: Marks, stands: (key: string) => boolean): GoneTold => {
  const marks = new Map(own);
  const toldGone = new Set<string>();
  for (const [key, mark] of told) {
    const known = own.get(key);
    if (mark.gone !== true || known === undefined || known.gone === true || !isSame(known, mark) || stands(key)) continue;
    marks.set(key, { ...known, gone: true });
    toldGone.add(key);
  }
  return { marks, toldGone };
};

/** Without the hearsay of before. */
export const forgetGone = ({ marks, toldGone }: GoneTold): Marks => {
  if (toldGone.size === 0) return marks;
  return new Map([...marks].map(([key, { gone, ...mark }]) => [key, gone === true && !toldGone.has(key) ? { ...mark, gone } : mark]));
};
