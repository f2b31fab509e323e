// SPDX-License-Identifier: Apache-2.0
// A decision's record, from the webhook's log, for people.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { isJsonObject, own } from '../policies/document/json.ts';
import type { JsonObject, JsonValue } from '../policies/document/json.ts';
import { fileError } from './files.ts';
import { UserError, printJson } from './output.ts';
import type { Format, Terminal } from './output.ts';

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

type Found = { readonly decision: JsonObject | undefined; readonly set: JsonObject | undefined };

/** The last record of that id, and the set under which it was made. */
const search = async (id: string, log: string): Promise<Found> => {
  let decision: JsonObject | undefined;
  const sets = new Map<string, JsonObject>();
  try {
    for await (const line of createInterface({ input: createReadStream(log), crlfDelay: Number.POSITIVE_INFINITY })) {
      if (!line.includes(id) && !line.includes('"policy set"')) continue;
      const record = parseLine(line);
      if (record === undefined) continue;
      if (own(record, 'msg') === 'policy set') sets.set(text(record, 'setDigest'), record);
      if (own(record, 'msg') === 'decision' && own(record, 'id') === id) decision = record;
    }
  } catch (error) {
    throw fileError(log, error);
  }
  return { decision, set: decision === undefined ? undefined : sets.get(text(decision, 'setDigest')) };
};

const signersOf = (policy: string, decision: JsonObject, set: JsonObject | undefined): string => {
  const entry = [...rows(decision, 'spoke'), ...(set === undefined ? [] : rows(set, 'policies'))].find(
    (row) => text(row, 'policy') === policy,
  );
  const signers = entry === undefined ? [] : words(entry, 'signers');
  return signers.length === 0 ? '' : `, sealed by ${signers.join(', ')}`;
};

const print = ({ decision, set }: { decision: JsonObject; set: JsonObject | undefined }, terminal: Terminal): void => {
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
    terminal.out(`\n  ${policy} version ${text(violation, 'version')}${rule}${signersOf(policy, decision, set)}\n`);
    terminal.out(`    ${text(violation, 'reason')}: ${text(violation, 'message')}\n`);
    const expression = text(violation, 'expression');
    if (expression !== '') terminal.out(`    ${text(violation, 'cause') === 'error' ? 'failed' : 'not held'}: ${expression}\n`);
  }
  const allowed = words(decision, 'allowed');
  if (allowed.length > 0) terminal.out(`\n  nothing to say: ${allowed.join(', ')}\n`);
};

export const explainDecision = async (
  id: string,
  options: { readonly log: string; readonly output: Format },
  terminal: Terminal,
): Promise<void> => {
  const { decision, set } = await search(id, options.log);
  if (decision === undefined) throw new UserError([{ code: 'DECISION_NOT_FOUND', message: `${options.log} has no decision ${id}` }]);
  if (options.output === 'json') printJson(terminal, { decision, ...(set === undefined ? {} : { policySet: set }) });
  else print({ decision, set }, terminal);
};
