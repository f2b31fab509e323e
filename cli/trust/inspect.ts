// SPDX-License-Identifier: Apache-2.0
// writ trust show and check: what trust.yaml says, and whether a cluster that believes a digest would follow to it.
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { digestOf } from '../../policies/document/digest.ts';
import { formatProblem } from '../../policies/problem.ts';
import type { Problem } from '../../policies/problem.ts';
import { loadTrust } from '../../policies/trust/index.ts';
import type { Trust } from '../../policies/trust/index.ts';
import { sealingBy } from '../../policies/trust/succession.ts';
import { judgedAt } from '../judged-at.ts';
import { EXIT_FINDINGS, printJson, problemRow } from '../output.ts';
import type { Format, Terminal } from '../output.ts';
import { chainIn, checkDigest } from '../policy-repository.ts';
import { timeText } from '../signing/bump.ts';
import { openTrust, readAsTrust } from './repository.ts';
import type { TrustRepository } from './repository.ts';

const OUTPUT = (): Option => new Option('--output <format>', 'how the result is told').choices(['text', 'json']).default('text');

const moment = (ms: number): string | undefined => (Number.isFinite(ms) ? timeText(ms) : undefined);

type PrincipalRow = {
  readonly name: string;
  readonly keys: readonly {
    readonly hint: string;
    readonly algorithm: string;
    readonly from: string | undefined;
    readonly until: string | undefined;
    readonly revoked: boolean;
  }[];
  readonly identities: readonly { readonly issuer: string; readonly subject: string; readonly oids: Readonly<Record<string, string>> }[];
  readonly revoked: boolean;
};

const principalRows = (trust: Trust): readonly PrincipalRow[] =>
  [...trust.principals.keys()].map((name) => ({
    name,
    keys: [...trust.keys.values()]
      .filter(({ principal }) => principal.name === name)
      .map(({ hint, algorithm, validFromMs, validUntilMs }) => ({
        hint,
        algorithm,
        from: moment(validFromMs),
        until: moment(validUntilMs),
        revoked: trust.revoked.keys.has(hint),
      })),
    identities: trust.identities
      .filter(({ principal }) => principal.name === name)
      .map(({ issuer, subject, oids }) => ({ issuer, subject, oids: Object.fromEntries(oids) })),
    revoked: trust.revoked.principals.has(name),
  }));

const ruleRows = (trust: Trust): readonly object[] =>
  trust.rules.map(({ kinds, publisherTiers, allOf }) => ({
    kinds: [...kinds],
    ...(publisherTiers.size === 0 ? {} : { publisherTiers: [...publisherTiers] }),
    allOf: allOf.map(({ threshold, principals }) => ({ threshold, principals: [...principals] })),
  }));

type MinimumRow = { readonly kind: string; readonly name: string; readonly version: number };

/** Names of sets have a slash too; kinds have none. */
const minimumRows = (trust: Trust): readonly MinimumRow[] =>
  [...trust.minimums].map(([key, version]) => {
    const [kind = '', ...name] = key.split('/');
    return { kind, name: name.join('/'), version };
  });

const summary = (trust: Trust): object => ({
  version: trust.version,
  digest: trust.digest,
  ...(trust.expires === undefined ? {} : { expires: timeText(trust.expires) }),
  keyless: trust.root.ok,
  principals: principalRows(trust),
  rules: ruleRows(trust),
  revokedDocuments: [...trust.revoked.documents],
  minimums: minimumRows(trust),
});

const keyText = ({ algorithm, hint, from, until, revoked }: PrincipalRow['keys'][number]): string =>
  `    ${algorithm} ${hint}${from === undefined ? '' : ` from ${from}`}${until === undefined ? '' : ` until ${until}`}${revoked ? ' REVOKED' : ''}\n`;

const identityText = ({ issuer, subject, oids }: PrincipalRow['identities'][number]): string =>
  `    ${subject}\n      vouched for by ${issuer}\n${Object.entries(oids)
    .map(([oid, text]) => `      ${oid} is ${text}\n`)
    .join('')}`;

const groupText = (allOf: Trust['rules'][number]['allOf']): string =>
  allOf.map(({ threshold, principals }) => `${threshold} of ${[...principals].join(', ')}`).join(' and ');

const text = (trust: Trust): string => {
  const until = trust.expires === undefined ? 'without end' : `until ${timeText(trust.expires)}`;
  const principals = principalRows(trust).map(
    ({ name, keys, identities, revoked }) =>
      `  ${name}${revoked ? ' REVOKED' : ''}\n${keys.map(keyText).join('')}${identities.map(identityText).join('')}`,
  );
  const rules = trust.rules.map(({ kinds, publisherTiers, allOf }, index) => {
    const tiers = publisherTiers.size === 0 ? '' : ` of ${[...publisherTiers].join(', ')} publishers`;
    return `  ${index}  ${[...kinds].join(', ')}${tiers}: ${groupText(allOf)}\n`;
  });
  const minimums = minimumRows(trust).map(({ kind, name, version }) => `  ${kind} ${name}: version ${version}\n`);
  const { keys, principals: names, documents } = trust.revoked;
  return [
    `version ${trust.version}, ${until}, ${trust.digest}\n`,
    `keyless seals: ${trust.root.ok ? 'judged by the pinned trusted root' : `none counts, ${trust.root.problem.message}`}\n`,
    `principals\n${principals.join('')}rules\n${rules.join('')}`,
    `revoked: ${keys.size} keys, ${names.size} principals, ${documents.size} documents\n`,
    `minimums${minimums.length === 0 ? ': none' : ''}\n${minimums.join('')}`,
  ].join('');
};

const show = (folder: string, { output }: { readonly output: Format }, terminal: Terminal): void => {
  const { trust } = openTrust(folder);
  if (output === 'json') return printJson(terminal, summary(trust));
  terminal.out(text(trust));
};

export const showCommand = (terminal: Terminal): Command =>
  new Command('show')
    .description('tell what the trust policy says: whose seal counts, for what')
    .argument('[dir]', 'the root of the policy repository', '.')
    .addOption(OUTPUT())
    .addHelpText(
      'after',
      '\nThe file is read as it lies there; `writ trust check` tells whether a cluster would believe it.\n\nExit codes: 0 shown, 1 refused, 2 wrong use.\n\nExamples:\n  writ trust show\n  writ trust show policies-repository --output json',
    )
    .action((folder: string, options: { readonly output: Format }) => show(folder, options, terminal));

type CheckOptions = { readonly trustDigest?: string; readonly at?: string; readonly output: Format };

/** What one version asks of the seals of trust.yaml. */
type Asked = {
  readonly version: number;
  readonly isEnough: boolean;
  readonly sealedBy: readonly string[];
  readonly missing: readonly string[];
};

type Checked = {
  readonly trust: Trust;
  readonly pinned: string;
  readonly follows: boolean;
  readonly problems: readonly Problem[];
  readonly asked: readonly Asked[];
};

const askedBy = (judge: Trust, { path, bytes, seals, trust }: TrustRepository, at: number): Asked => {
  const sealing = sealingBy(judge, { bytes, bundles: [...seals.values()], file: path }, { digest: trust.digest, at });
  const sealedBy = [...new Set(sealing.seals.map(({ principal }) => principal.name))].toSorted();
  return { version: judge.version, isEnough: sealing.isEnough, sealedBy, missing: sealing.missing };
};

const judge = (repository: TrustRepository, folder: string, options: CheckOptions, at: number): Checked => {
  const { path, bytes, seals, trust, manifest } = repository;
  const links = chainIn(manifest, folder);
  const [oldest] = links;
  const pinned = checkDigest(options.trustDigest) ?? digestOf(oldest?.bytes ?? bytes);
  const outcome = loadTrust(bytes, {
    pinnedDigest: pinned,
    file: path,
    trustedRoot: manifest.trustedRoot,
    succession: { bundles: [...seals.values()], chain: links, at },
  });
  const before = links.at(-1);
  const isFirst = trust.digest === pinned || before === undefined;
  const judges = isFirst ? [] : [readAsTrust(before.bytes, before.file ?? path, before.trustedRoot ?? manifest.trustedRoot), trust];
  return {
    trust,
    pinned,
    follows: outcome.ok,
    problems: outcome.ok ? [] : outcome.problems,
    asked: judges.map((one) => askedBy(one, repository, at)),
  };
};

const describe = ({ trust, pinned, follows, asked }: Checked): string => {
  const from = trust.digest === pinned ? 'is the pinned one' : `${follows ? 'follows' : 'does not follow'} from ${pinned}`;
  const lines = asked.map(({ version, isEnough, sealedBy, missing }) => {
    const by = sealedBy.length === 0 ? 'nobody' : sealedBy.join(', ');
    return `  by the rules of version ${version}: sealed by ${by}; ${isEnough ? 'enough' : `missing: ${missing.join('; or ')}`}\n`;
  });
  return `version ${trust.version}, ${trust.digest}, ${from}\n${lines.join('')}`;
};

const check = (folder: string, options: CheckOptions, terminal: Terminal): void => {
  const checked = judge(openTrust(folder), folder, options, judgedAt(options.at, terminal));
  const { trust, pinned, follows, problems, asked } = checked;
  if (options.trustDigest === undefined) terminal.err(`pin assumed: --trust-digest ${pinned}\n`);
  if (!follows) terminal.exit(EXIT_FINDINGS);
  if (options.output === 'json')
    return printJson(terminal, {
      file: join(folder, 'trust.yaml'),
      version: trust.version,
      digest: trust.digest,
      pinned,
      follows,
      asked,
      problems: problems.map(problemRow),
    });
  terminal.out(describe(checked));
  for (const problem of problems) terminal.err(`${formatProblem(problem)}\n`);
};

export const checkCommand = (terminal: Terminal): Command =>
  new Command('check')
    .description('tell whether the trust policy follows from the pinned digest, and whose seals are missing')
    .argument('[dir]', 'the root of the policy repository', '.')
    .option('--trust-digest <digest>', 'the digest that the cluster believes (default: of the oldest version that is kept)')
    .option('--at <time>', 'judge as of this time, RFC 3339; default: now')
    .addOption(OUTPUT())
    .addHelpText(
      'after',
      '\nEach version must be sealed by enough of those whom the version before names for kind TrustPolicy, and of those whom it names\nitself. The first needs no seal: its digest is pinned.\n\nExit codes: 0 it follows, 1 it does not, 2 wrong use.\n\nExamples:\n  writ trust check --trust-digest sha256:2c26…\n  writ trust check policies-repository --output json',
    )
    .action((folder: string, options: CheckOptions) => check(folder, options, terminal));
