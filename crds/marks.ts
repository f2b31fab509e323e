// SPDX-License-Identifier: Apache-2.0
/**
 * The marks: the highest version that was ever enforced of each sealed document, so that an older one cannot be brought back.
 *
 * A ConfigMap in the system namespace, written by the operator after a commit's inventory and read by every replica that
 * starts. One mark a line. `kind: 'Set'` is the seal of a whole source: its name is `NAMESPACE/NAME` of the GitSource, its
 * version the sequence. What was ended by seal stays as `gone`, with the version that nothing may fall below. Decoding is
 * total: whatever is in the cluster, the answer is a list of marks or `undefined`.
 */
import { MANAGED_BY, MANAGED_BY_LABEL, MARKS_FINALIZER, MARKS_LABEL, MARKS_NAME, SYSTEM_NAMESPACE } from './kinds.ts';
import { isDigest, isName, isRecord, isSource, parseObject } from './wire.ts';
import type { ConfigMap } from './wire.ts';

export type Mark = {
  /** Of the document, or `Set` for the seal of a source. */
  readonly kind: string;
  readonly name: string;
  readonly version: number;
  /** `sha256:` and hex digits: of the document's bytes, of what a set says. */
  readonly digest: string;
  /** `NAMESPACE/NAME` of the GitSource that ordered it, whose set seal may end it; undefined where none did. */
  readonly source?: string;
  /** Of a Tenant: its sealed document says that it may be deleted, so that nothing is amiss when it is not there. */
  readonly mayEnd?: true;
  /** Ended by seal: nothing of that name has to be enforced, and nothing of that version or below may be again. */
  readonly gone?: true;
};

export const SET_KIND = 'Set';
/** One ConfigMap holds at most 1 MiB; this bounds the text with room for the object around it. */
const MARKS_TEXT_MAX_BYTES = 1_000_000;
const FORMAT = '1';
const KEY = 'marks.json';

const identity = ({ kind, name }: Mark): string => `${kind}/${name}`;

type Optional = { readonly [Key in 'source' | 'mayEnd' | 'gone']: Mark[Key] | undefined };

const optional = ({ source, mayEnd, gone }: Optional): Pick<Mark, keyof Optional> => ({
  ...(source === undefined ? {} : { source }),
  ...(mayEnd === undefined ? {} : { mayEnd }),
  ...(gone === undefined ? {} : { gone }),
});

const textOf = (marks: readonly Mark[]): string => {
  const lines = marks
    .toSorted((a, b) => (identity(a) < identity(b) ? -1 : 1))
    .map(({ kind, name, version, digest, source, mayEnd, gone }) =>
      JSON.stringify({ kind, name, version, digest, ...optional({ source, mayEnd, gone }) }),
    );
  return `{"marks":[${lines.length === 0 ? '' : `\n${lines.join(',\n')}\n`}]}\n`;
};

/** The same text for the same marks, whatever their order. */
export const encodeMarks = (marks: readonly Mark[], namespace: string = SYSTEM_NAMESPACE): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: MARKS_NAME,
    namespace,
    labels: { [MARKS_LABEL]: 'true', [MANAGED_BY_LABEL]: MANAGED_BY },
    finalizers: [MARKS_FINALIZER],
  },
  data: { format: FORMAT, [KEY]: textOf(marks) },
});

/** Whether the encoded form fits into a ConfigMap; about 5,000 marks do. */
export const marksFit = (marks: readonly Mark[]): boolean => Buffer.byteLength(textOf(marks)) <= MARKS_TEXT_MAX_BYTES;

const KIND = /^[A-Z][A-Za-z]{0,62}$/;

const decodeMark = (value: unknown): Mark | undefined => {
  if (!isRecord(value)) return undefined;
  const { kind, name, version, digest, source, mayEnd, gone } = value;
  if (typeof kind !== 'string' || !KIND.test(kind)) return undefined;
  if (kind === SET_KIND ? !isSource(name) : !isName(name)) return undefined;
  if (typeof name !== 'string' || typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1) return undefined;
  if (!isDigest(digest) || (mayEnd !== undefined && mayEnd !== true) || (gone !== undefined && gone !== true)) return undefined;
  if (source !== undefined && !isSource(source)) return undefined;
  return { kind, name, version, digest, ...optional({ source, mayEnd, gone }) };
};

/** The marks in the ConfigMap, or `undefined` for anything that `encodeMarks` could not have written. */
export const decodeMarks = (configMap: unknown): readonly Mark[] | undefined => {
  const held = parseObject(configMap, KEY, FORMAT);
  if (held === undefined || held.name !== MARKS_NAME) return undefined;
  const { marks: listed } = held.value;
  if (!Array.isArray(listed)) return undefined;
  const marks: Mark[] = [];
  const seen = new Set<string>();
  for (const entry of listed) {
    const mark = decodeMark(entry);
    // Two marks of one document would let two readers choose differently.
    if (mark === undefined || seen.has(identity(mark))) return undefined;
    seen.add(identity(mark));
    marks.push(mark);
  }
  return marks;
};

/** The marks of a cache that holds none or the one, read once for each version of it; none where they cannot be read. */
export const createMarksReader = (list: () => readonly object[]): (() => readonly Mark[]) => {
  const none: readonly Mark[] = [];
  const read = new WeakMap<object, readonly Mark[]>();
  return () => {
    const [object] = list();
    if (object === undefined) return none;
    const known = read.get(object) ?? decodeMarks(object) ?? none;
    read.set(object, known);
    return known;
  };
};
