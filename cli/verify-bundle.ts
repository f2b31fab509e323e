// SPDX-License-Identifier: Apache-2.0
// writ verify-bundle: judges one Sigstore bundle of anybody, by the command line protocol of Sigstore's conformance suite
// (github.com/sigstore/sigstore-conformance, docs/cli_protocol.md).
import { Command, Option } from 'commander';
import { readPublicKeyFile } from './public-key.ts';
import { readArtifact } from './bundle/artifact.ts';
import { judgeBundle } from './bundle/judge.ts';
import type { Expected, Proven } from './bundle/judge.ts';
import { chooseRoot } from './bundle/roots.ts';
import { readText } from './files.ts';
import { EXIT_FINDINGS, UsageError, printJson, printProblems, problemRow } from './output.ts';
import type { Format, Terminal } from './output.ts';

type Options = {
  readonly bundle: string;
  readonly certificateIdentity?: string;
  readonly certificateOidcIssuer?: string;
  readonly key?: string;
  readonly trustedRoot?: string;
  readonly output: Format;
};

const HELP = `
Bundles 0.1 to 0.3, over a file or over an in-toto statement of any kind that is about it. Identity and issuer are compared
as exact text. Nothing is fetched: certificates, log entries and timestamps are judged by the trusted root alone. Without
--trusted-root it is that of the public Sigstore as it was when this writ was made. sha256: and 64 digits stand for the file,
unless a file has that name; a file may be of any size. There is no --staging: the root of Sigstore's staging instance is in no
package, so give it by --trusted-root. No trust policy is asked: \`writ verify\` tells whether a document may be enforced.

Exit codes: 0 accepted, 1 refused, 2 wrong use.

Examples:
  writ verify-bundle --bundle app.sigstore.json --certificate-identity release@example.com \\
    --certificate-oidc-issuer https://accounts.example.com app.tar.gz
  writ verify-bundle --bundle app.sigstore.json --certificate-identity release@example.com \\
    --certificate-oidc-issuer https://accounts.example.com --trusted-root trusted_root.json app.tar.gz
  writ verify-bundle --bundle app.sigstore.json --key release.pub app.tar.gz
  writ verify-bundle --bundle app.sigstore.json --key release.pub sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae`;

const expectedFrom = ({ key, certificateIdentity, certificateOidcIssuer }: Options): Expected => {
  const isIdentity = certificateIdentity !== undefined || certificateOidcIssuer !== undefined;
  if (key !== undefined && isIdentity) throw new UsageError('--key and --certificate-identity exclude each other');
  if (key !== undefined) return { key: readPublicKeyFile(key).publicKey };
  if (certificateIdentity === undefined || certificateOidcIssuer === undefined)
    throw new UsageError('give --certificate-identity and --certificate-oidc-issuer, or --key');
  return { identity: certificateIdentity, issuer: certificateOidcIssuer };
};

const times = ({ timesMs }: Proven): readonly string[] => timesMs.map((ms) => new Date(ms).toISOString());

const describe = (name: string, proven: Proven): string => {
  const { by, predicateType, logEntries } = proven;
  const who = 'key' in by ? `${by.key} key ${by.hint}` : `${by.identity}, vouched for by ${by.issuer}`;
  const what = predicateType === undefined ? 'the file' : `a statement ${predicateType} about it`;
  const [first] = times(proven).toSorted();
  const when = first === undefined ? 'no trusted time' : `there at ${first}`;
  const log = logEntries === 0 ? 'in no log' : `in a transparency log`;
  return `${name}: accepted: ${what} is signed by ${who}; ${when}, ${log}\n`;
};

const verifyBundle = (name: string, options: Options, terminal: Terminal): void => {
  const expected = expectedFrom(options);
  const root = chooseRoot(options.trustedRoot);
  const artifact = readArtifact(name);
  const outcome = judgeBundle({ bundle: readText(options.bundle), artifact, expected, root });
  if (!outcome.ok) terminal.exit(EXIT_FINDINGS);
  if (options.output === 'json')
    return printJson(terminal, {
      artifact: name,
      digest: `sha256:${artifact.sha256}`,
      verified: outcome.ok,
      ...(outcome.ok
        ? {
            proof: outcome.predicateType === undefined ? 'message' : 'statement',
            ...(outcome.predicateType === undefined ? {} : { predicateType: outcome.predicateType }),
            signer: outcome.by,
            times: times(outcome),
            logEntries: outcome.logEntries,
          }
        : { problems: [problemRow(outcome.problem)] }),
    });
  if (outcome.ok) return terminal.out(describe(name, outcome));
  printProblems(terminal, [{ ...outcome.problem, message: `${options.bundle}: ${outcome.problem.message}` }]);
};

export const verifyBundleCommand = (terminal: Terminal): Command =>
  new Command('verify-bundle')
    .description('judge any Sigstore bundle by a key or an identity')
    .argument('<artifact>', 'the signed file, or sha256: and its digest')
    .requiredOption('--bundle <file>', 'the bundle')
    .option('--certificate-identity <text>', 'who must have signed: the subject alternative name of the certificate')
    .option('--certificate-oidc-issuer <url>', 'who must have vouched for that identity')
    .option('--key <file>', 'the public key that must have signed, PEM')
    .option('--trusted-root <file>', 'Sigstore trusted root, JSON (default: that of the public Sigstore)')
    .addOption(new Option('--output <format>', 'how the result is told').choices(['text', 'json']).default('text'))
    .addHelpText('after', HELP)
    .action((name: string, options: Options) => verifyBundle(name, options, terminal));
