// SPDX-License-Identifier: Apache-2.0
// A decision's record as an in-toto statement: what was decided about, by digest, and what is said of it. A view: what is
// sealed is the record, so the statement is made anew whenever a receipt is checked.
import { hash } from 'node:crypto';
import { isDigest } from '../../crds/wire.ts';
import { own } from '../document/json.ts';
import type { JsonObject } from '../document/json.ts';
import { STATEMENT_TYPE } from '../trust/statement.ts';
import { parseStrictObject, textAt } from '../trust/strict-json.ts';

const RECEIPT_TYPE = 'https://writ.dev/decision-receipt/v1';

const REQUEST = ['uid', 'operation', 'kind', 'subResource', 'namespace', 'name', 'user', 'dryRun'];
const DECISION = [
  'tenant',
  'verdict',
  'closed',
  'unevaluated',
  'setDigest',
  'trustDigest',
  'revisions',
  'spoke',
  'allowed',
  'violations',
  'durationUs',
];

/** Own fields in this order, those that there are. */
const pick = (record: JsonObject, fields: readonly string[]): JsonObject =>
  Object.fromEntries(fields.flatMap((field) => (Object.hasOwn(record, field) ? [[field, own(record, field)]] : [])));

/** A line of the decision log that is a decision; undefined for any other text. */
export const readDecision = (line: string): JsonObject | undefined => {
  const record = parseStrictObject(line);
  return record !== undefined && own(record, 'msg') === 'decision' && textAt(record, 'id') !== undefined ? record : undefined;
};

export type StatementInput = {
  /** The line, without its end. */
  readonly line: string;
  readonly record: JsonObject;
  readonly replica: string;
};

export const receiptStatement = ({ line, record, replica }: StatementInput): JsonObject => {
  const id = textAt(record, 'id') ?? '';
  const object = textAt(record, 'objectDigest');
  // A CONNECT may have no object: then the record stands for the request.
  const subject = isDigest(object)
    ? { name: 'object', digest: { sha256: object.slice('sha256:'.length) } }
    : { name: 'record', digest: { sha256: hash('sha256', line, 'hex') } };
  return {
    _type: STATEMENT_TYPE,
    subject: [subject],
    predicateType: RECEIPT_TYPE,
    predicate: { id, time: textAt(record, 'time') ?? '', replica, request: pick(record, REQUEST), ...pick(record, DECISION) },
  };
};
