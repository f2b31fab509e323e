// SPDX-License-Identifier: Apache-2.0
// writ verify: whose seal a document bears, and by which rule it counts.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Command, Option } from 'commander';
import { digestOf } from '../policies/document/digest.ts';
import { readCatalog } from '../policies/entitlement/catalog.ts';
import { readBook } from '../policies/pricing/index.ts';
import { formatProblem } from '../policies/problem.ts';
import type { Problem } from '../policies/problem.ts';
import { readRelease } from '../policies/ruleset/index.ts';
import { MAX_BUNDLES } from '../policies/trust/bundle.ts';
import { checkSeal } from '../policies/trust/check-seal.ts';
import type { SealOutcome } from '../policies/trust/check-seal.ts';
import { TRUSTED_ROOT_FILE, verifyArtifact } from '../policies/trust/index.ts';
import type { CountedSeal, SignedDocument, Trust, VerifyOutcome } from '../policies/trust/index.ts';
import { readBytes, readText } from './files.ts';
import { documentsOf } from './find-files.ts';
import { judgedAt } from './judged-at.ts';
import { EXIT_FINDINGS, printJson, printProblems, problemRow } from './output.ts';
import type { Format, Terminal } from './output.ts';
import { checkDigest, trustFrom, versionsBeside } from './policy-repository.ts';
import { membersBeside } from './ruleset-files.ts';
import { REPOSITORY_SEAL, readSeals, sealPathsOf } from './seal-files.ts';

type Options = {
  readonly trust: string;
  readonly trustDigest?: string;
  readonly trustedRoot?: string;
  readonly bundle?: readonly string[];
  readonly at?: string;
  readonly output: Format;
};

const HELP = `
The seals of FILE are FILE.sigstore.json and FILE.WHO.sigstore.json beside it and ${REPOSITORY_SEAL} beside the trust
policy, or those named by --bundle. Keyless seals are judged offline by the ${TRUSTED_ROOT_FILE} that the trust policy pins,
which lies beside it or is named by --trusted-root. Without --trust-digest the trust policy is taken as it lies there, and its
digest is printed. With it, the trust policy must have that digest, or follow from the version that has it by the versions
kept in the folder trust/ beside it. The members of a ruleset
lie beside it and must be those that it seals. The checks are those of the operator and the webhook.

Of each document is told: who sealed it, when (where a log or a timestamp authority proves it), by which rule it counts, and
of each seal that does not count why.

Exit codes: 0 all good, 1 at least one refused, 2 wrong use.

Examples:
  writ verify policies/*.yaml --trust trust.yaml --trust-digest sha256:2c26…
  writ verify a.yaml --trust trust.yaml --bundle a.bundle --output json
  writ verify policies/*.yaml --trust trust.yaml --at 2027-03-01T00:00:00Z     will they still count then?`;

const readTrust = (options: Options, at: number, terminal: Terminal): Trust => {
  const pinned = checkDigest(options.trustDigest);
  const path = options.trust;
  const bytes = readBytes(path);
  if (pinned === undefined) terminal.err(`trust assumed: --trust-digest ${digestOf(bytes)}\n`);
  const root = options.trustedRoot ?? join(dirname(path), TRUSTED_ROOT_FILE);
  const trustedRoot = options.trustedRoot !== undefined || existsSync(root) ? readBytes(root) : undefined;
  // Only where another version is pinned does it matter how this one came from it.
  const isPinned = pinned === undefined || pinned === digestOf(bytes);
  const [bundles, chain] = isPinned ? [[], []] : [readSeals(path), versionsBeside(path)];
  return trustFrom({ path, bytes, bundles, trustedRoot, chain, pinned, at });
};

const timeText = (ms: number): string => new Date(ms).toISOString();

const sealRow = ({ principal, proof, by, signedAtMs, sequence }: CountedSeal): object => ({
  principal: principal.name,
  proof,
  by,
  ...(signedAtMs === undefined ? {} : { signedAt: timeText(signedAtMs) }),
  ...(sequence === undefined ? {} : { sequence }),
});

const PROOFS: Readonly<Record<CountedSeal['proof'], string>> = { message: 'the file', approval: 'an approval', set: 'a set' };

const sealText = ({ principal, proof, by, signedAtMs, sequence }: CountedSeal): string => {
  const number = sequence === undefined ? '' : ` ${sequence}`;
  const when = signedAtMs === undefined ? 'at no trusted time' : `at ${timeText(signedAtMs)}`;
  return `${principal.name} sealed ${PROOFS[proof]}${number} ${when}: ${by}`;
};

type Bundle = { readonly path: string; readonly text: string };
type Judged = {
  readonly file: string;
  readonly outcome: VerifyOutcome;
  /** Each by itself, in the order given. */
  readonly bundles: readonly { readonly path: string; readonly seal: SealOutcome }[];
};

const bundleRow = ({ path, seal }: Judged['bundles'][number]): object =>
  seal.ok ? { bundle: path, counts: true, ...sealRow(seal.seal) } : { bundle: path, counts: false, ...problemRow(seal.problem) };

/** What the rule that granted it asks for. */
const ruleText = (trust: Trust, rule: number): string =>
  (trust.rules[rule]?.allOf ?? []).map(({ threshold, principals }) => `${threshold} of ${[...principals].join(', ')}`).join(' and ');

const row = ({ file, outcome, bundles }: Judged, trust: Trust): object => {
  if (!outcome.ok) return { file, verified: false, problems: outcome.problems.map(problemRow), bundles: bundles.map(bundleRow) };
  const { document, signers, seals, rule, ignored } = outcome;
  return {
    file,
    verified: true,
    kind: document.kind,
    name: document.name,
    version: document.version,
    ...(document.expires === undefined ? {} : { expires: new Date(document.expires).toISOString() }),
    digest: document.digest,
    signers: signers.map(({ name }) => name),
    seals: seals.map(sealRow),
    rule,
    asks: ruleText(trust, rule),
    ignored: ignored.map(problemRow),
    bundles: bundles.map(bundleRow),
  };
};

const describe = (file: string, outcome: Extract<VerifyOutcome, { ok: true }>, trust: Trust): string => {
  const { document, signers, seals, rule } = outcome;
  const until = document.expires === undefined ? '' : `, until ${new Date(document.expires).toISOString()}`;
  const who = signers.map(({ name }) => name).join(', ');
  const lines = seals.map((seal) => `  ${sealText(seal)}\n`).join('');
  const asks = `  the rule asks for ${ruleText(trust, rule)}\n`;
  return `${file}: good: ${document.kind} ${document.name} version ${document.version}${until}, sealed by ${who} (spec.rules[${rule}]), ${document.digest}\n${lines}${asks}`;
};

/** A ruleset is no better than its members, which lie beside it, a catalog than its tiers, a price book than its prices. */
const contentProblems = (file: string, document: SignedDocument): readonly Problem[] => {
  const { parsed } = document;
  if (document.kind === 'TierCatalog') {
    const catalog = readCatalog(document.object, parsed);
    return catalog.ok ? [] : catalog.problems;
  }
  if (document.kind === 'PriceBook' && document.object.spec.retired !== true) {
    const prices = readBook(document.object, parsed);
    return prices.ok ? [] : prices.problems;
  }
  if (document.kind !== 'Ruleset') return [];
  const release = readRelease({ ruleset: document.object, parsed }, membersBeside(file, document.object));
  return release.ok ? [] : release.problems;
};

const withContent = (file: string, outcome: VerifyOutcome): VerifyOutcome => {
  const problems = outcome.ok ? contentProblems(file, outcome.document) : [];
  const [problem] = problems;
  return problem === undefined ? outcome : { ok: false, problem, problems, turn: outcome.turn };
};

/** Problems say why seals do not count; who sealed all the same is told too, or nobody would know whom to ask. */
const printRefused = ({ outcome, bundles }: Judged, terminal: Terminal): void => {
  if (outcome.ok) return;
  printProblems(terminal, outcome.problems);
  for (const { path, seal } of bundles) if (seal.ok) terminal.err(`  ${path}: ${sealText(seal.seal)}\n`);
};

type Judging = { readonly trust: Trust; readonly at: number; readonly bundles: readonly Bundle[] };

const judge = (file: string, { trust, at, bundles }: Judging): Judged => {
  const bytes = readBytes(file);
  const digest = digestOf(bytes);
  return {
    file,
    outcome: withContent(file, verifyArtifact({ file, bytes, bundles: bundles.map(({ text }) => text) }, trust, at)),
    bundles: bundles.slice(0, MAX_BUNDLES).map(({ path, text }) => ({ path, seal: checkSeal(text, { bytes, digest, trust, at }) })),
  };
};

const toBundle = (path: string): Bundle => ({ path, text: readText(path) });

const verifyFiles = (files: readonly string[], options: Options, terminal: Terminal): void => {
  const at = judgedAt(options.at, terminal);
  const trust = readTrust(options, at, terminal);
  const forAll = sealPathsOf(join(dirname(options.trust), 'seal'));
  const judged = files.map((file) => {
    const paths = options.bundle ?? [...sealPathsOf(file), ...forAll];
    return judge(file, { trust, at, bundles: paths.map(toBundle) });
  });
  if (judged.some(({ outcome }) => !outcome.ok)) terminal.exit(EXIT_FINDINGS);
  if (options.output === 'json') return printJson(terminal, { trustDigest: trust.digest, documents: judged.map((one) => row(one, trust)) });
  for (const one of judged) {
    printRefused(one, terminal);
    if (!one.outcome.ok) continue;
    terminal.out(describe(one.file, one.outcome, trust));
    for (const problem of one.outcome.ignored) terminal.err(`${formatProblem(problem)}: not counted\n`);
  }
};

export const verifyCommand = (terminal: Terminal): Command =>
  new Command('verify')
    .description('tell whose seal documents bear, and whether it counts')
    .argument('<files...>', 'documents')
    .requiredOption('--trust <file>', 'the trust policy')
    .option('--trust-digest <digest>', 'digest that the trust policy must have, sha256:…')
    .option('--trusted-root <file>', `the Sigstore trusted root (default: ${TRUSTED_ROOT_FILE} beside the trust policy)`)
    .option('--bundle <files...>', 'seals to use instead of those beside the document')
    .option('--at <time>', 'judge as of this time, RFC 3339; default: now')
    .addOption(new Option('--output <format>', 'how the result is told').choices(['text', 'json']).default('text'))
    .addHelpText('after', HELP)
    .action((files: string[], options: Options) => verifyFiles(documentsOf(files), options, terminal));
