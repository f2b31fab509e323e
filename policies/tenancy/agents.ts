// SPDX-License-Identifier: Apache-2.0
// Which models and tools a tenant's agents may use. What is judged is what the object itself states (policies/subject); a
// model that an agent takes from another object is judged where that object is written.
import type { TenantAgents } from '../../crds/generated/objects.ts';
import type { Problem } from '../problem.ts';
import type { Subject } from '../subject/index.ts';
import { ownText } from '../subject/paths.ts';
import { listAt, textAt, textsAt } from './facts.ts';

/** Names, each as it is or up to a `*` at its end. */
type Names = { readonly exact: ReadonlySet<string>; readonly prefixes: readonly string[] };

export type ModelBound = {
  readonly provider: string;
  /** Undefined: every model of the provider. */
  readonly names: Names | undefined;
  readonly regions: ReadonlySet<string> | undefined;
};

/** By server, `*` for every one of them; undefined: every tool of the server. */
type ByServer = ReadonlyMap<string, readonly (Names | undefined)[]>;
export type ToolBounds = { readonly allowed: ByServer | undefined; readonly denied: ByServer };

type Allowed = NonNullable<NonNullable<TenantAgents['models']>['allowed']>;

const namesOf = (names: readonly string[] | undefined): Names | undefined =>
  names === undefined || names.length === 0
    ? undefined
    : {
        exact: new Set(names.filter((name) => !name.endsWith('*'))),
        prefixes: names.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1)),
      };

export const modelBounds = (allowed: Allowed): readonly ModelBound[] =>
  allowed.map(({ provider, names, regions }) => ({
    provider: provider.toLowerCase(),
    names: namesOf(names),
    regions: regions === undefined || regions.length === 0 ? undefined : new Set(regions),
  }));

type Grant = { readonly server: string; readonly names?: readonly string[] };

const byServer = (grants: readonly Grant[]): ByServer => {
  const servers = new Map<string, (Names | undefined)[]>();
  for (const { server, names } of grants) {
    const known = servers.get(server) ?? [];
    servers.set(server, known);
    known.push(namesOf(names));
  }
  return servers;
};

export const toolBounds = (tools: TenantAgents['tools']): ToolBounds => ({
  allowed: tools?.allowed === undefined ? undefined : byServer(tools.allowed),
  denied: byServer(tools?.denied ?? []),
});

const has = (names: Names | undefined, name: string): boolean =>
  names === undefined || names.exact.has(name) || names.prefixes.some((prefix) => name.startsWith(prefix));

type Stated = { readonly provider: string | undefined; readonly model: string | undefined; readonly regions: readonly string[] };

const fits = ({ provider, names, regions }: ModelBound, stated: Stated): boolean => {
  if (stated.provider !== undefined && stated.provider.toLowerCase() !== provider) return false;
  // A provider that nobody named may be any: then the name of the model must say it.
  if (names === undefined ? stated.provider === undefined : stated.model === undefined || !has(names, stated.model)) return false;
  return regions === undefined || stated.regions.every((region) => regions.has(region));
};

export const modelProblem = (allowed: readonly ModelBound[] | undefined, { agent }: Subject): Problem | undefined => {
  if (allowed === undefined) return undefined;
  const stated: Stated = {
    provider: textAt(agent, 'provider'),
    model: textAt(agent, 'model'),
    regions: textsAt(agent, 'regions'),
  };
  if (stated.provider === undefined && stated.model === undefined) return undefined;
  if (allowed.some((bound) => fits(bound, stated))) return undefined;
  const where = stated.regions.length === 0 ? '' : ` in ${stated.regions.join(', ')}`;
  const message = `model ${stated.model ?? '(not named)'} of provider ${stated.provider ?? '(not named)'}${where}`;
  return { code: 'MODEL_FORBIDDEN', message: message.slice(0, 400) };
};

/** Whether a grant of all tools of a server could be the tool: `*` meets every name that is spoken of. */
const meets = (bounds: ByServer, { server, name }: Tool, isDenied: boolean): boolean =>
  [server, '*'].some((one) => (bounds.get(one) ?? []).some((names) => (isDenied && name === '*' ? true : has(names, name))));

type Tool = { readonly server: string; readonly name: string };

// More than any agent is given; each one costs a look at all that the tenant speaks of.
const MAX_TOOLS = 1000;

const toolsOf = ({ agent }: Subject): readonly Tool[] => {
  const named = listAt(agent, 'tools').map((tool) => ({ server: ownText(tool, 'server') ?? '', name: ownText(tool, 'name') ?? '*' }));
  const servers = new Set(named.map(({ server }) => server));
  const whole = textsAt(agent, 'mcpServers').filter((server) => !servers.has(server));
  return [...named, ...whole.map((server) => ({ server, name: '*' }))];
};

export const toolProblems = ({ allowed, denied }: ToolBounds, subject: Subject): readonly Problem[] => {
  if (allowed === undefined && denied.size === 0) return [];
  const tools = toolsOf(subject);
  if (tools.length > MAX_TOOLS) return [{ code: 'TOOL_FORBIDDEN', message: `${tools.length} tools are more than can be judged` }];
  const refused = tools.filter((tool) => meets(denied, tool, true) || (allowed !== undefined && !meets(allowed, tool, false)));
  return refused.map(({ server, name }) => ({
    code: 'TOOL_FORBIDDEN',
    message: `tool ${name} of server ${server === '' ? '(none)' : server}`.slice(0, 400),
  }));
};
