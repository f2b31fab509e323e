// SPDX-License-Identifier: Apache-2.0
// A decision's record, from the webhook's log, for people.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { requestOf } from '../policies/cases/request.ts';
import type { DescribedKind } from '../policies/compile/params.ts';
import type { AdmissionRequest } from '../policies/decide/request.ts';
import { isJsonObject, own } from '../policies/document/json.ts';
import type { JsonObject, JsonValue } from '../policies/document/json.ts';
import { fileError, isFile, readText } from './files.ts';
import { UsageError, UserError } from './output.ts';
import type { Terminal } from './output.ts';

export const isDecisionId = (text: string): boolean => /^d-[0-9a-f]{20}$/.test(text);

const parseLine = (line: string): JsonObject | undefined => {
  try {
    const value: JsonValue = JSON.parse(line);
    return isJsonObject(value) ? value : undefined;
  } catch {
    // Other processes write to the same stream; what is no JSON is none of ours.
    return undefined;
  }
};

const text = (object: JsonObject, field: string): string => {
  const value = own(object, field);
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
};

const rows = (object: JsonObject, field: string): readonly JsonObject[] => {
  const value = own(object, field);
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
};

const words = (object: JsonObject, field: string): readonly string[] => {
  const value = own(object, field);
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
};

export type FoundDecision = { readonly decision: JsonObject; readonly set: JsonObject | undefined };

/** The last record of that id, and the set under which it was made. */
export const findDecision = async (id: string, log: string): Promise<FoundDecision> => {
  let decision: JsonObject | undefined;
  const sets = new Map<string, JsonObject>();
  const input = log === '-' ? process.stdin : createReadStream(log);
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (!line.includes(id) && !line.includes('"policy set"')) continue;
      const record = parseLine(line);
      if (record === undefined) continue;
      if (own(record, 'msg') === 'policy set') sets.set(text(record, 'setDigest'), record);
      if (own(record, 'msg') === 'decision' && own(record, 'id') === id) decision = record;
    }
  } catch (error) {
    throw fileError(log, error);
  }
  if (decision === undefined) throw new UserError([{ code: 'DECISION_NOT_FOUND', message: `${log} has no decision ${id}` }]);
  return { decision, set: sets.get(text(decision, 'setDigest')) };
};

/** A file that is one record, a line of the log; undefined for any other. */
export const recordIn = (path: string): FoundDecision | undefined => {
  if (path !== '-' && !isFile(path)) return undefined;
  const content = readText(path);
  const record = content.trimStart().startsWith('{') ? parseLine(content) : undefined;
  if (record !== undefined && own(record, 'msg') === 'decision') return { decision: record, set: undefined };
  if (path === '-') throw new UserError([{ code: 'DECISION_NOT_FOUND', message: 'standard input holds no decision record' }]);
  return undefined;
};

const OPERATIONS = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'] as const;

type Given = {
  readonly object: JsonObject;
  readonly oldObject: JsonObject | null;
  readonly groups: readonly string[];
  readonly kinds: readonly DescribedKind[];
};

export type Asked = { readonly request: AdmissionRequest; readonly tenant: string; readonly names: ReadonlySet<string> };

/** The request as the record tells it, with the object that a record only has a digest of. */
export const requestOfDecision = (decision: JsonObject, { object, oldObject, groups, kinds }: Given): Asked => {
  const operation = OPERATIONS.find((known) => known === own(decision, 'operation')) ?? 'CREATE';
  if (operation === 'UPDATE' && oldObject === null) throw new UsageError('the decision is about an update: give --old-object too');
  const made = requestOf({
    operation,
    object: operation === 'DELETE' ? null : object,
    oldObject: operation === 'DELETE' ? object : oldObject,
    user: { username: text(decision, 'user'), groups },
    namespace: text(decision, 'namespace'),
    kinds,
  });
  if (!made.ok) throw new UserError([{ code: 'REVIEW_INVALID', message: made.message }]);
  const { group, version, kind } = made.request.kind;
  const given = `${group === '' ? version : `${group}/${version}`}, ${kind}`;
  if (given !== text(decision, 'kind')) throw new UsageError(`the decision is about ${text(decision, 'kind')}, the object is ${given}`);
  const names = [...rows(decision, 'spoke').map((row) => text(row, 'policy')), ...words(decision, 'allowed')];
  return { request: made.request, tenant: text(decision, 'tenant'), names: new Set(names) };
};

const signersOf = (policy: string, decision: JsonObject, set: JsonObject | undefined): string => {
  const entry = [...rows(decision, 'spoke'), ...(set === undefined ? [] : rows(set, 'policies'))].find(
    (row) => text(row, 'policy') === policy,
  );
  const signers = entry === undefined ? [] : words(entry, 'signers');
  return signers.length === 0 ? '' : `, sealed by ${signers.join(', ')}`;
};

export const printDecision = ({ decision, set }: FoundDecision, terminal: Terminal): void => {
  const get = (field: string): string => text(decision, field);
  const where = get('namespace') === '' ? '' : ` in ${get('namespace')}`;
  const subResource = get('subResource') === '' ? '' : `/${get('subResource')}`;
  const dryRun = own(decision, 'dryRun') === true ? ', a dry run' : '';
  terminal.out(`${get('id')}: ${get('verdict')}\n`);
  terminal.out(`  asked      ${get('operation')} ${get('kind')}${subResource} ${get('name')}${where} by ${get('user')}${dryRun}\n`);
  terminal.out(`  when       ${get('time')}, decided in ${get('durationUs')} µs\n`);
  terminal.out(`  tenant     ${get('tenant') === '' ? 'none' : get('tenant')}\n`);
  terminal.out(`  request    ${get('uid')}, object ${get('objectDigest')}\n`);
  terminal.out(`  set        ${get('setDigest')}, trust ${get('trustDigest')}\n`);
  const revisions = own(decision, 'revisions');
  if (isJsonObject(revisions))
    for (const source of Object.keys(revisions)) terminal.out(`  revision   ${source} ${text(revisions, source)}\n`);
  if (get('closed') !== '') terminal.out(`  closed     ${get('closed')}: no policy ran\n`);
  for (const violation of rows(decision, 'violations')) {
    const policy = text(violation, 'policy');
    const rule = Number(own(violation, 'rule')) >= 0 ? `, spec.validations[${text(violation, 'rule')}]` : '';
    const speaker =
      text(violation, 'cause') === 'bounds' ? `the bounds of tenant ${get('tenant')}` : `${policy} version ${text(violation, 'version')}`;
    terminal.out(`\n  ${speaker}${rule}${signersOf(policy, decision, set)}\n`);
    terminal.out(`    ${text(violation, 'reason')}: ${text(violation, 'message')}\n`);
    const expression = text(violation, 'expression');
    if (expression !== '') terminal.out(`    ${text(violation, 'cause') === 'error' ? 'failed' : 'not held'}: ${expression}\n`);
  }
  const allowed = words(decision, 'allowed');
  if (allowed.length > 0) terminal.out(`\n  nothing to say: ${allowed.join(', ')}\n`);
};
