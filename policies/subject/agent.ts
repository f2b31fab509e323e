// SPDX-License-Identifier: Apache-2.0
// The CEL variable `agent`: whether the workload is one, how we know, what it may use, and who answers for it. Single facts
// that nobody stated are absent (`has(agent.owner)`); lists are always there.
import { CelDouble } from '../cel/index.ts';
import type { Fields, JsonMap, Value } from '../cel/index.ts';
import { isList } from '../cel/values/value.ts';
import { evidenceOf, isProof, modelOfEnv, providerOfEnv } from './evidence.ts';
import type { Evidence } from './evidence.ts';
import { lazyFields } from './lazy-fields.ts';
import type { FieldTable } from './lazy-fields.ts';
import { own, ownList, ownMap, ownText, parsePath, readPath } from './paths.ts';
import type { AgentPaths, WorkloadKind } from './workload-kinds.ts';
import type { Workload } from './workload.ts';

export type AgentSource = {
  readonly workload: Workload;
  /** What stood there before an update: taking a label off does not end being an agent. */
  readonly previous: Workload | undefined;
  readonly kindInfo: WorkloadKind | undefined;
};

const PREFIX = 'writ.dev/';

const evidenceOfWorkload = (workload: Workload, kindInfo: WorkloadKind | undefined): Evidence =>
  evidenceOf({
    object: workload.object,
    kindInfo,
    labels: workload.labels(),
    annotations: workload.annotations(),
    containers: workload.containers(),
    images: workload.images(),
    env: workload.env(),
  });

export const agentEvidence = (source: AgentSource): Evidence => {
  const now = evidenceOfWorkload(source.workload, source.kindInfo);
  if (isProof(now) || source.previous === undefined) return now;
  const before = evidenceOfWorkload(source.previous, source.kindInfo);
  return isProof(before) || now === 'none' ? before : now;
};

type PathTable = { readonly [K in keyof Required<AgentPaths>]: readonly ReturnType<typeof parsePath>[] };
const parsedPaths = new Map<WorkloadKind, PathTable>();

const pathsOf = (kindInfo: WorkloadKind): PathTable => {
  const known = parsedPaths.get(kindInfo);
  if (known !== undefined) return known;
  const parse = (paths: readonly string[] | undefined) => (paths ?? []).map(parsePath);
  const { model, modelConfig, provider, tools, mcpServers, egress } = kindInfo.agent ?? {};
  const table: PathTable = {
    model: parse(model),
    modelConfig: parse(modelConfig),
    provider: parse(provider),
    tools: parse(tools),
    mcpServers: parse(mcpServers),
    egress: parse(egress),
  };
  parsedPaths.set(kindInfo, table);
  return table;
};

const at = (source: AgentSource, fact: keyof AgentPaths): readonly Value[] => {
  if (source.kindInfo === undefined) return [];
  return pathsOf(source.kindInfo)[fact].flatMap((path) =>
    readPath(source.workload.object, path).flatMap((value) => (isList(value) ? value : [value])),
  );
};

const texts = (values: readonly Value[]): readonly string[] =>
  values.filter((value) => typeof value === 'string').filter((text) => text !== '');

const tool = (fields: { readonly type: string; readonly server: string; readonly name: string; readonly approval: boolean }): JsonMap =>
  fields;

/** No list of names means all tools of the server: `*`. */
const serverTools = (server: string, names: readonly Value[], approvals: readonly Value[]): readonly JsonMap[] => {
  const granted = texts(names);
  const asked = new Set(texts(approvals));
  return (granted.length === 0 ? ['*'] : granted).map((name) => tool({ type: 'mcp', server, name, approval: asked.has(name) }));
};

const nameOf = (value: Value | undefined): string => (typeof value === 'string' ? value : (ownText(value, 'name') ?? ''));

/** One grant of tools in any of the spellings of the kinds of the table, as `{type, server, name, approval}`. */
const toolsOfGrant = (grant: Value): readonly JsonMap[] => {
  const mcpServer = ownMap(grant, 'mcpServer');
  if (mcpServer !== undefined) {
    const server = ownText(mcpServer, 'name') ?? ownText(mcpServer, 'toolServer') ?? '';
    return serverTools(server, ownList(mcpServer, 'toolNames'), ownList(mcpServer, 'requireApproval'));
  }
  const mcp = ownMap(grant, 'mcp');
  if (mcp !== undefined) return serverTools(nameOf(own(mcp, 'server')), ownList(mcp, 'tools'), []);
  const agent = ownMap(grant, 'agent');
  if (agent !== undefined)
    return [tool({ type: 'agent', server: '', name: ownText(ownMap(agent, 'templateRef'), 'name') ?? nameOf(agent), approval: false })];
  const name = ownText(grant, 'name');
  if (name === undefined) return [];
  return [tool({ type: ownText(grant, 'type') ?? '', server: '', name, approval: own(ownMap(grant, 'approval'), 'required') === true })];
};

const toolsOf = (source: AgentSource): readonly JsonMap[] => at(source, 'tools').flatMap(toolsOfGrant);

const mcpServersOf = (source: AgentSource): readonly string[] => [
  ...new Set([
    ...texts(at(source, 'mcpServers')),
    ...toolsOf(source).flatMap((one) => (ownText(one, 'type') === 'mcp' ? (ownText(one, 'server') ?? []) : [])),
  ]),
];

const stated = (source: AgentSource, name: string): string | undefined => {
  const annotations = source.workload.annotations();
  return Object.hasOwn(annotations, PREFIX + name) ? annotations[PREFIX + name] : undefined;
};

const listOf = (text: string | undefined): readonly string[] =>
  (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

/** A whole number is an int, as in JSON; what is no plain number counts as not stated. */
const amount = (text: string | undefined): Value | undefined => {
  if (text === undefined || !/^\d{1,15}(\.\d{1,6})?$/.test(text)) return undefined;
  const value = Number(text);
  return text.includes('.') ? new CelDouble(value) : value;
};

const budgetOf = (source: AgentSource): JsonMap => {
  const usdMonth = amount(stated(source, 'budget-usd-month'));
  const tokensDay = amount(stated(source, 'budget-tokens-day'));
  return { ...(usdMonth === undefined ? {} : { usdMonth }), ...(tokensDay === undefined ? {} : { tokensDay }) };
};

const statement = (name: string) => (source: AgentSource) => stated(source, name);

const fields: FieldTable<AgentSource> = {
  isAgent: (source) => isProof(agentEvidence(source)),
  evidence: agentEvidence,
  role: (source) => (source.kindInfo === undefined ? 'plain' : source.kindInfo.role),
  model: (source) => texts(at(source, 'model'))[0] ?? modelOfEnv(source.workload.env()),
  modelConfig: (source) => texts(at(source, 'modelConfig'))[0],
  provider: (source) => texts(at(source, 'provider'))[0] ?? providerOfEnv(source.workload.env()),
  tools: toolsOf,
  mcpServers: mcpServersOf,
  egress: (source) => texts(at(source, 'egress')),
  budget: budgetOf,
  owner: statement('owner'),
  purpose: statement('purpose'),
  riskTier: statement('risk-tier'),
  dataClass: statement('data-class'),
  oversight: statement('oversight'),
  overseer: statement('overseer'),
  regions: (source) => listOf(stated(source, 'regions')),
  legalBasis: statement('legal-basis'),
  reviewBy: statement('review-by'),
  changeId: statement('change-id'),
  breakGlass: statement('break-glass'),
  /** Every fact under our prefix, by its name without it. */
  facts: (source) =>
    Object.fromEntries(
      Object.entries(source.workload.annotations()).flatMap(([key, value]): [string, string][] =>
        key.startsWith(PREFIX) ? [[key.slice(PREFIX.length), value]] : [],
      ),
    ),
};

export const agentFields = (source: AgentSource): Fields => lazyFields(fields, source);
