// SPDX-License-Identifier: Apache-2.0
// The in-toto statement inside a DSSE envelope: which files it approves, by digest.
//
// Two kinds of approval are read. `policy-approval/v1`: one reviewer approves one file. `policy-set/v1`: one signature for
// all files of a repository, with a `sequence` that rises and, where it may also end what it lists no more, the `source` that
// it is for (check-set.ts). A statement of any other kind says something else than "this may be enforced" and counts for nothing: an envelope whose signature holds is not a file
// whose approval holds. Formats: github.com/secure-systems-lab/dsse and github.com/in-toto/attestation, spec/v1.
import { Buffer } from 'node:buffer';
import { isSource } from '../../crds/wire.ts';
import { own } from '../document/json.ts';
import type { JsonObject } from '../document/json.ts';
import { objectAt, objectsAt, parseStrictBytes, strangerIn, textAt } from './strict-json.ts';

export const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
// What `cosign attest-blob --predicate` writes; the fields that are read here are the same in both.
export const STATEMENT_TYPES: ReadonlySet<string> = new Set([STATEMENT_TYPE, 'https://in-toto.io/Statement/v0.1']);
export const PREDICATE_TYPES = { approval: 'https://writ.dev/policy-approval/v1', set: 'https://writ.dev/policy-set/v1' } as const;
export type StatementKind = keyof typeof PREDICATE_TYPES;

/** As many as sigstore-go reads. */
export const MAX_SUBJECTS = 1024;

export type Statement = {
  readonly kind: StatementKind;
  /** SHA-256 of each file, in hexadecimal digits. */
  readonly digests: ReadonlySet<string>;
  /** Path → `sha256:hex`; undefined where a file has no name or two have one. */
  readonly files: ReadonlyMap<string, string> | undefined;
  /** Of a set. */
  readonly sequence: number | undefined;
  /** Of a set: `NAMESPACE/NAME` of the GitSource that it is for. */
  readonly source: string | undefined;
  /** Epoch milliseconds, the last moment; undefined = never. */
  readonly expires: number | undefined;
};

export type StatementOutcome = { readonly ok: true; readonly statement: Statement } | { readonly ok: false; readonly why: string };

const no = (why: string): StatementOutcome => ({ ok: false, why });

const RESOURCE_FIELDS = ['name', 'uri', 'digest', 'content', 'downloadLocation', 'mediaType', 'annotations'];
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;

/** What DSSE signs: the type and the payload, each behind its length, so that neither can be taken for the other. */
export const preAuthEncoding = (payloadType: string, payload: Uint8Array): Buffer => {
  const type = Buffer.from(payloadType);
  return Buffer.concat([Buffer.from(`DSSEv1 ${type.length} `), type, Buffer.from(` ${payload.length} `), payload]);
};

const kindOf = (predicateType: string | undefined): StatementKind | undefined => {
  if (predicateType === PREDICATE_TYPES.approval) return 'approval';
  return predicateType === PREDICATE_TYPES.set ? 'set' : undefined;
};

const digestIn = (subject: JsonObject): string | undefined => {
  const digest = objectAt(subject, 'digest');
  const sha256 = digest === undefined ? undefined : textAt(digest, 'sha256');
  return strangerIn(subject, RESOURCE_FIELDS) === undefined && sha256 !== undefined && /^[0-9a-f]{64}$/.test(sha256) ? sha256 : undefined;
};

const filesOf = (subjects: readonly JsonObject[]): ReadonlyMap<string, string> | undefined => {
  const files = new Map(subjects.map((subject) => [textAt(subject, 'name') ?? '', `sha256:${digestIn(subject) ?? ''}`]));
  return files.has('') || files.size !== subjects.length ? undefined : files;
};

/** Undefined: it has one that is no time. */
const expiryOf = (predicate: JsonObject): { readonly expires: number | undefined } | undefined => {
  const value = own(predicate, 'expires');
  if (value === undefined) return { expires: undefined };
  const expires = typeof value === 'string' && TIME.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(expires) ? undefined : { expires };
};

/** Reads the payload of an envelope. Total. */
export const readStatement = (payload: Uint8Array): StatementOutcome => {
  const statement = parseStrictBytes(payload);
  if (statement === undefined) return no('it is not a JSON object without repeated keys');
  const stranger = strangerIn(statement, ['_type', 'subject', 'predicateType', 'predicate']);
  if (stranger !== undefined) return no(`unknown field ${stranger}`);
  if (!STATEMENT_TYPES.has(textAt(statement, '_type') ?? '')) return no(`_type is not ${STATEMENT_TYPE}`);
  const kind = kindOf(textAt(statement, 'predicateType'));
  if (kind === undefined) return no(`predicateType is neither ${PREDICATE_TYPES.approval} nor ${PREDICATE_TYPES.set}`);
  const subjects = objectsAt(statement, 'subject');
  if (subjects === undefined || subjects.length === 0 || subjects.length > MAX_SUBJECTS)
    return no(`subject is not a list of 1 to ${MAX_SUBJECTS} files`);
  if (kind === 'approval' && subjects.length !== 1) return no(`an approval is of one file, not of ${subjects.length}`);
  const digests = new Set(subjects.flatMap((subject) => digestIn(subject) ?? []));
  if (subjects.some((subject) => digestIn(subject) === undefined)) return no('a subject has no digest sha256 of 64 hexadecimal digits');
  const predicate = objectAt(statement, 'predicate') ?? {};
  const sequence = own(predicate, 'sequence');
  if (kind === 'set' && !(typeof sequence === 'number' && Number.isSafeInteger(sequence) && sequence >= 1))
    return no('predicate.sequence of a set is not a whole number from 1');
  const source = kind === 'set' ? own(predicate, 'source') : undefined;
  if (source !== undefined && !isSource(source)) return no('predicate.source of a set is not NAMESPACE/NAME');
  const expiry = expiryOf(predicate);
  if (expiry === undefined) return no('predicate.expires is not a time');
  return {
    ok: true,
    statement: {
      kind,
      digests,
      files: filesOf(subjects),
      sequence: kind === 'set' && typeof sequence === 'number' ? sequence : undefined,
      source,
      ...expiry,
    },
  };
};

export type StatementSubject = { readonly name: string; /** `sha256:hex`. */ readonly digest: string };

/** The payload that says so. */
export const writeStatement = (kind: StatementKind, subjects: readonly StatementSubject[], predicate: JsonObject): Buffer =>
  Buffer.from(
    JSON.stringify({
      _type: STATEMENT_TYPE,
      subject: subjects.map(({ name, digest }) => ({ name, digest: { sha256: digest.replace(/^sha256:/, '') } })),
      predicateType: PREDICATE_TYPES[kind],
      predicate,
    }),
  );
