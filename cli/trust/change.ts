// SPDX-License-Identifier: Apache-2.0
// writ trust init, add, rotate: they write trust.yaml, its next version beside the one before, comments and layout kept.
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { digestOf } from '../../policies/document/digest.ts';
import { TRUSTED_ROOT_FILE } from '../../policies/trust/index.ts';
import { hintOf, readPublicKey } from '../../policies/trust/key.ts';
import { valueAt } from '../../policies/document/json.ts';
import { parseDocument } from '../../policies/document/index.ts';
import { appendItem, appendName, insertBefore, replaceScalar } from '../edit-document.ts';
import { readBytes, writeNew } from '../files.ts';
import { UsageError, UserError, printJson } from '../output.ts';
import type { Format, Terminal } from '../output.ts';
import { TRUST_FILE } from '../policy-repository.ts';
import { readTerm, timeText } from '../signing/bump.ts';
import { collect, identifiedPrincipal, keyLines, keyedPrincipal, principalLines, readSealingKey } from './principal.ts';
import type { NewPrincipal } from './principal.ts';
import { nextVersion, openTrust, readAsTrust, writeNext } from './repository.ts';
import type { TrustRepository, WrittenTrust } from './repository.ts';

/** Without a rule whoever writes one is not asked for a seal; one of the others is refused. A GitSource is never sealed. */
const UNSEALED = ['Tenant'] as const;
const REFUSED = ['TierCatalog', 'License', 'PriceBook', 'BreakGlass'] as const;

const OUTPUT = (): Option => new Option('--output <format>', 'how the result is told').choices(['text', 'json']).default('text');

type Whom = { readonly key: readonly string[]; readonly identity: readonly string[] };
type InitOptions = Whom & {
  readonly kind: readonly string[];
  readonly threshold: string;
  readonly trustThreshold?: string;
  readonly expiresIn?: string;
  readonly trustedRoot?: string;
  readonly output: Format;
};

const termFrom = (option: string, text: string | undefined): number | undefined => {
  const termMs = text === undefined ? undefined : readTerm(text);
  if (text !== undefined && termMs === undefined) throw new UsageError(`${option} ${text}: write days, hours or minutes as 90d, 12h, 30m`);
  return termMs;
};

const principalsFrom = ({ key, identity }: Whom): readonly NewPrincipal[] => {
  const principals = [...key.map(keyedPrincipal), ...identity.map(identifiedPrincipal)];
  if (principals.length === 0) throw new UsageError('name whose seal counts: --key NAME=FILE or --identity NAME=ISSUER,SUBJECT');
  return principals;
};

const countFrom = (option: string, text: string, most: number): number => {
  const count = /^[1-9][0-9]?$/.test(text) ? Number(text) : Number.NaN;
  if (count <= most) return count;
  throw new UsageError(`${option} ${text}: write a number from 1 to ${most}, as many as there are principals`);
};

const indented = (lines: readonly string[]): readonly string[] => lines.map((line, index) => `  ${index === 0 ? '- ' : '  '}${line}`);

const kindFrom = (kind: string): string => {
  const known: readonly string[] = [...UNSEALED, ...REFUSED];
  if (known.includes(kind)) return kind;
  throw new UsageError(`--kind ${kind}: write one of ${known.join(', ')}; Policy and Ruleset are there anyway`);
};

const firstVersion = (principals: readonly NewPrincipal[], options: InitOptions, terminal: Terminal): string => {
  const names = principals.map(({ name }) => name).join(', ');
  const threshold = countFrom('--threshold', options.threshold, principals.length);
  const half = Math.floor(principals.length / 2) + 1;
  const forTrust = options.trustThreshold === undefined ? half : countFrom('--trust-threshold', options.trustThreshold, principals.length);
  const termMs = termFrom('--expires-in', options.expiresIn);
  const root = options.trustedRoot === undefined ? undefined : digestOf(readBytes(options.trustedRoot)).slice('sha256:'.length);
  return [
    'apiVersion: writ.dev/v1alpha1',
    'kind: TrustPolicy',
    'metadata: {name: cluster}',
    'spec:',
    '  version: 1',
    ...(termMs === undefined ? [] : [`  expires: ${timeText(terminal.clock.now() + termMs)}`]),
    ...(root === undefined ? [] : [`  # of ${TRUSTED_ROOT_FILE} beside this file`, `  trustedRootSha256: "${root}"`]),
    '  principals:',
    ...principals.flatMap((principal) => indented(principalLines(principal))),
    '  rules:',
    `  - {kinds: [${['Policy', 'Ruleset', ...new Set(options.kind)].join(', ')}], allOf: [{threshold: ${threshold}, principals: [${names}]}]}`,
    '  # who may hand trust on: the next version needs these, and those that it names itself',
    `  - {kinds: [TrustPolicy], allOf: [{threshold: ${forTrust}, principals: [${names}]}]}`,
    '',
  ].join('\n');
};

/** What the rules leave open is said: nobody looks for a rule that is not there. */
const unruled = (kinds: readonly string[]): string => {
  const [unsealed, refused] = [UNSEALED, REFUSED].map((all) => all.filter((kind) => !kinds.includes(kind)).join(', '));
  const lines = [
    ...(refused === '' ? [] : [`refused, since no rule speaks of them: ${refused}`]),
    ...(unsealed === '' ? [] : [`taken without a seal, since no rule speaks of them: ${unsealed}`]),
  ];
  return lines.length === 0 ? '' : `\n${lines.join('\n')}\nAdd them by --kind now, or as rules of trust.yaml later.\n`;
};

const init = (folder: string, options: InitOptions, terminal: Terminal): void => {
  const text = firstVersion(principalsFrom(options), options, terminal);
  const file = join(folder, TRUST_FILE);
  const trustedRoot = options.trustedRoot === undefined ? undefined : readBytes(options.trustedRoot);
  readAsTrust(Buffer.from(text), file, trustedRoot);
  writeNew(file, text, 0o644);
  const rootCopy = join(folder, TRUSTED_ROOT_FILE);
  if (trustedRoot !== undefined && options.trustedRoot !== rootCopy) writeNew(rootCopy, Buffer.from(trustedRoot).toString('utf8'), 0o644);
  const digest = digestOf(Buffer.from(text));
  if (options.output === 'json') return printJson(terminal, { file, version: 1, digest });
  terminal.out(
    `${file}  version 1, ${digest}\n\nStart the operator and the webhook with --trust-digest ${digest}\n${unruled(options.kind)}`,
  );
};

export const initCommand = (terminal: Terminal): Command =>
  new Command('init')
    .description('write the first trust policy and tell its digest')
    .argument('[dir]', 'the root of the policy repository', '.')
    .option('--key <name=file>', 'a principal by public key, PEM; may be given again', collect, [])
    .option('--identity <name=issuer,subject>', 'a principal by the identity in its certificates; may be given again', collect, [])
    .option(
      '--kind <kind>',
      `what else needs these seals, beside Policy and Ruleset: ${[...UNSEALED, ...REFUSED].join(', ')}; may be given again`,
      (kind: string, kinds: readonly string[]) => collect(kindFrom(kind), kinds),
      [],
    )
    .option('--threshold <number>', 'how many of them must seal what those rules speak of', '1')
    .option('--trust-threshold <number>', 'how many of them must seal the next trust policy (default: more than half)')
    .option('--expires-in <term>', 'the last moment of this version, from now: 365d')
    .option('--trusted-root <file>', `the Sigstore trusted root for keyless seals; it is copied to ${TRUSTED_ROOT_FILE}`)
    .addOption(OUTPUT())
    .addHelpText(
      'after',
      '\nWithout a rule a Tenant counts without a seal, and a TierCatalog, License, PriceBook or BreakGlass (a Policy with\nspec.breakGlass) is refused: --kind adds them to the rule of Policy and Ruleset.\n\nNothing that is there is overwritten. The digest is what the cluster believes: give it by a way of its own.\n\nExit codes: 0 written, 1 refused, 2 wrong use.\n\nExamples:\n  writ trust init --key alice=alice.pub --key bob=bob.pub --threshold 2 --expires-in 365d\n  writ trust init --trusted-root trusted_root.json \\\n    --identity ci=https://token.actions.githubusercontent.com,https://github.com/acme/policies/.github/workflows/seal.yml@refs/heads/main',
    )
    .action((folder: string, options: InitOptions) => init(folder, options, terminal));

type AddOptions = Whom & {
  readonly rule: readonly string[];
  readonly draft?: boolean;
  readonly expiresIn?: string;
  readonly output: Format;
};

const impossible = (file: string, what: string): UserError =>
  new UserError([{ code: 'EDIT_IMPOSSIBLE', message: `${file}: ${what} cannot be written where it stands` }]);

const must = (text: string | undefined, file: string, what: string): string => {
  if (text === undefined) throw impossible(file, what);
  return text;
};

const report = (written: WrittenTrust, output: Format, terminal: Terminal): void => {
  if (output === 'json') return printJson(terminal, written);
  for (const file of written.kept) terminal.out(`${file}  kept\n`);
  terminal.out(`${written.file}  version ${written.version}, ${written.digest}\n`);
  terminal.err(`now seal it: writ sign ${written.file} --key …; \`writ trust check\` tells whose seals are missing\n`);
};

/** In place, where nobody has believed this version yet. */
const write = (
  repository: TrustRepository,
  edited: string,
  { draft, expiresIn }: Pick<AddOptions, 'draft' | 'expiresIn'>,
  terminal: Terminal,
): WrittenTrust => {
  const times = { now: terminal.clock.now(), termMs: termFrom('--expires-in', expiresIn) };
  const next =
    draft === true
      ? { text: edited, version: repository.trust.version, kept: new Map<string, string>() }
      : nextVersion(repository, edited, times);
  return writeNext(repository, next);
};

const countRules = (text: string, file: string): number => {
  const parsed = parseDocument(Buffer.from(text), file);
  const rules = parsed.ok ? valueAt(parsed.document.value, ['spec', 'rules']) : undefined;
  return Array.isArray(rules) ? rules.length : 0;
};

const noRule = (rule: string, count: number, file: string): UserError => {
  const there = count === 0 ? 'it has no rule' : count === 1 ? 'its one rule is 0' : `its rules are 0 to ${count - 1}`;
  const message = `${file}: there is no rule ${JSON.stringify(rule.slice(0, 20))}: ${there}`;
  return new UserError([{ code: 'EDIT_IMPOSSIBLE', message, hint: 'give --rule a number of those; `writ trust show` lists them' }]);
};

const addTo = (text: string, name: string, rules: readonly string[], file: string): string =>
  rules.reduce((before, rule) => {
    const index = /^[0-9]{1,2}$/.test(rule) ? Number(rule) : Number.NaN;
    const count = countRules(text, file);
    if (!(index < count)) throw noRule(rule, count, file);
    const after = Number.isNaN(index) ? undefined : appendName(before, ['spec', 'rules', index, 'allOf', 0, 'principals'], name);
    return must(after, file, `spec.rules[${rule}].allOf[0].principals`);
  }, text);

const add = (folder: string, options: AddOptions, terminal: Terminal): void => {
  const repository = openTrust(folder);
  const { path, trust } = repository;
  const principals = principalsFrom(options);
  const twice = principals.find(({ name }) => trust.principals.has(name));
  if (twice !== undefined) throw new UsageError(`${twice.name} is a principal already; \`writ trust rotate\` gives it another key`);
  const edited = principals.reduce(
    (text, principal) =>
      addTo(
        must(appendItem(text, ['spec', 'principals'], principalLines(principal)), path, 'spec.principals'),
        principal.name,
        options.rule,
        path,
      ),
    repository.text,
  );
  report(write(repository, edited, options, terminal), options.output, terminal);
};

const KEEPS =
  '\nThe version before is kept as trust/VERSION.yaml with its seals, which the operator needs to follow from one to the next. A\nversion that nobody has sealed yet is changed where it lies.';

export const addCommand = (terminal: Terminal): Command =>
  new Command('add')
    .description('add a principal, as the next version of the trust policy')
    .argument('[dir]', 'the root of the policy repository', '.')
    .option('--key <name=file>', 'a principal by public key, PEM; may be given again', collect, [])
    .option('--identity <name=issuer,subject>', 'a principal by the identity in its certificates; may be given again', collect, [])
    .option('--rule <number>', 'add it to the first group of this rule too, counted from 0; may be given again', collect, [])
    .option('--expires-in <term>', 'the last moment of the next version, from now: 365d')
    .option('--draft', 'change trust.yaml where it lies: no cluster believes it yet')
    .addOption(OUTPUT())
    .addHelpText(
      'after',
      `${KEEPS}\n\nExit codes: 0 written, 1 refused, 2 wrong use.\n\nExamples:\n  writ trust add --key carol=carol.pub --rule 0 --rule 1\n  writ trust add --key carol=carol.pub --draft`,
    )
    .action((folder: string, options: AddOptions) => add(folder, options, terminal));

type RotateOptions = {
  readonly principal?: string;
  readonly key?: string;
  readonly overlap: string;
  readonly expiresIn?: string;
  readonly output: Format;
};

/** The old keys of a principal end with the overlap, unless they end sooner. */
const endKeys = (text: string, at: { readonly index: number; readonly endMs: number; readonly file: string }): string => {
  const base = ['spec', 'principals', at.index, 'publicKeys'];
  const read = (): unknown => {
    const parsed = parseDocument(Buffer.from(text), at.file);
    return parsed.ok ? valueAt(parsed.document.value, base) : undefined;
  };
  const keys = read();
  const end = timeText(at.endMs);
  return (Array.isArray(keys) ? keys : []).reduce<string>((before, _, index) => {
    const parsed = parseDocument(Buffer.from(before), at.file);
    if (!parsed.ok) throw new UserError(parsed.problems);
    const key = [...base, index];
    const old = valueAt(parsed.document.value, [...key, 'validFor', 'end']);
    if (typeof old === 'string')
      return Date.parse(old) <= at.endMs ? before : must(replaceScalar(before, [...key, 'validFor', 'end'], end), at.file, 'validFor.end');
    const start = valueAt(parsed.document.value, [...key, 'validFor', 'start']);
    const edited =
      start === undefined
        ? insertBefore(before, [...key, 'pem'], { name: 'validFor', value: `{end: ${end}}` })
        : insertBefore(before, [...key, 'validFor', 'start'], { name: 'end', value: end });
    return must(edited, at.file, 'validFor');
  }, text);
};

const withKey = (repository: TrustRepository, { principal, key, overlap }: RotateOptions, terminal: Terminal): string => {
  const { text, path, trust } = repository;
  if (principal === undefined || key === undefined) throw new UsageError('--principal and --key belong together');
  const parsed = parseDocument(repository.bytes, path);
  const listed = parsed.ok ? valueAt(parsed.document.value, ['spec', 'principals']) : undefined;
  const index = [...trust.principals.keys()].indexOf(principal);
  const keys = Array.isArray(listed) && parsed.ok ? valueAt(parsed.document.value, ['spec', 'principals', index, 'publicKeys']) : undefined;
  if (index === -1) throw new UsageError(`there is no principal ${principal}: ${[...trust.principals.keys()].join(', ')}`);
  if (!Array.isArray(keys)) throw new UsageError(`${principal} has an identity and no keys`);
  const pem = readSealingKey(key);
  const hint = readPublicKey(pem)?.publicKey;
  if (hint !== undefined && trust.keys.has(hintOf(hint))) throw new UsageError(`${key} is in the trust policy already`);
  const overlapMs = overlap === '0d' ? 0 : (termFrom('--overlap', overlap) ?? 0);
  const ended = endKeys(text, { index, endMs: terminal.clock.now() + overlapMs, file: path });
  return must(appendItem(ended, ['spec', 'principals', index, 'publicKeys'], keyLines(pem)), path, `the keys of ${principal}`);
};

const rotate = (folder: string, options: RotateOptions, terminal: Terminal): void => {
  const repository = openTrust(folder);
  const isKey = options.principal !== undefined || options.key !== undefined;
  const edited = isKey ? withKey(repository, options, terminal) : repository.text;
  report(write(repository, edited, options, terminal), options.output, terminal);
};

export const rotateCommand = (terminal: Terminal): Command =>
  new Command('rotate')
    .description('write the next version of the trust policy, with another key for a principal')
    .argument('[dir]', 'the root of the policy repository', '.')
    .option('--principal <name>', 'whose key is replaced')
    .option('--key <file>', 'its new public key, PEM')
    .option('--overlap <term>', 'how long its old keys count beside the new one; 0d ends them now', '30d')
    .option('--expires-in <term>', 'the last moment of the next version, from now: 365d')
    .addOption(OUTPUT())
    .addHelpText(
      'after',
      `${KEEPS}\nWithout --principal the next version says what this one says: to renew its expiry, or to be changed by hand.\n\nExit codes: 0 written, 1 refused, 2 wrong use.\n\nExamples:\n  writ trust rotate --principal alice --key alice-2027.pub --overlap 30d\n  writ trust rotate --expires-in 365d`,
    )
    .action((folder: string, options: RotateOptions) => rotate(folder, options, terminal));
