// SPDX-License-Identifier: Apache-2.0
// The OpenID Connect token by which Fulcio learns who signs: given, or made by the CI system in which this runs.
import { Buffer } from 'node:buffer';
import type { JsonObject } from '../../policies/document/json.ts';
import { own } from '../../policies/document/json.ts';
import { parseStrictBytes, textAt } from '../../policies/trust/strict-json.ts';
import { readText } from '../files.ts';
import { UsageError, UserError } from '../output.ts';
import type { Terminal } from '../output.ts';
import { askJson, serviceUrl } from './services.ts';

export type TokenSource = {
  readonly identityToken?: string;
  readonly identityTokenFile?: string;
  readonly oidcAudience: string;
  readonly timeoutMs: number;
};

export type IdentityToken = {
  readonly text: string;
  /** What Fulcio wants signed by the new key: the e-mail address, else the subject. */
  readonly subject: string;
};

/** The variable in which GitLab and others put a token for Sigstore. */
const TOKEN_VARIABLE = 'SIGSTORE_ID_TOKEN';

const invalid = (message: string): UserError =>
  new UserError([{ code: 'TOKEN_INVALID', message, hint: 'give the token of an OpenID Connect provider that Fulcio knows' }]);

/** A token is asked of GitHub by a request that only this job may make. */
const askGitHub = async (env: Terminal['env'], { oidcAudience, timeoutMs }: TokenSource): Promise<string | undefined> => {
  const [address, bearer] = [env['ACTIONS_ID_TOKEN_REQUEST_URL'], env['ACTIONS_ID_TOKEN_REQUEST_TOKEN']];
  if (address === undefined || bearer === undefined) return undefined;
  const url = serviceUrl('ACTIONS_ID_TOKEN_REQUEST_URL', address);
  url.searchParams.set('audience', oidcAudience);
  const answer = await askJson(
    { name: 'the token service of GitHub', url, timeoutMs },
    { path: '', headers: { authorization: `bearer ${bearer}` } },
  );
  return textAt(answer, 'value');
};

const claimsOf = (token: string): JsonObject | undefined => {
  const parts = token.split('.');
  return parts.length === 3 ? parseStrictBytes(Buffer.from(parts[1] ?? '', 'base64url')) : undefined;
};

const readToken = (text: string): IdentityToken => {
  const claims = claimsOf(text);
  if (claims === undefined) throw invalid('the identity token is no JSON Web Token');
  const email = textAt(claims, 'email');
  if (email !== undefined && own(claims, 'email_verified') === false) throw invalid(`${email} in the identity token is not verified`);
  const subject = email ?? textAt(claims, 'sub');
  if (subject === undefined || subject === '') throw invalid('the identity token names nobody');
  return { text, subject };
};

export const identityToken = async (source: TokenSource, env: Terminal['env']): Promise<IdentityToken> => {
  const given =
    source.identityToken ??
    (source.identityTokenFile === undefined ? undefined : readText(source.identityTokenFile)) ??
    env[TOKEN_VARIABLE] ??
    (await askGitHub(env, source));
  if (given === undefined)
    throw new UsageError(
      `--keyless needs an identity token: --identity-token-file, ${TOKEN_VARIABLE}, or a GitHub job with \`permissions: id-token: write\``,
    );
  return readToken(given.trim());
};
