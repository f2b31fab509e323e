// SPDX-License-Identifier: Apache-2.0
// The allow-list of URLs. It runs before any process is started: git knows transports (`ext::`, `fd::`) and spellings
// (`host:path`, a leading `-`) that run commands, and neither git nor a wrapper is the place to find out.
import type { Problem, Result } from '../../policies/problem.ts';
import { shown } from './shown.ts';

export type SourceUrl = {
  readonly scheme: 'https' | 'http' | 'ssh' | 'file';
  /** Normalised; holds no secret. */
  readonly href: string;
  /** `https://host:port/`, the scope that a credential is bound to. */
  readonly scope: string;
  readonly host: string;
};

export type UrlPolicy = { readonly allowFileUrls: boolean; readonly allowPlainHttp: boolean };

const SCP_STYLE = /^(?:([A-Za-z0-9._-]+)@)?([A-Za-z0-9._-]+):(?!\/\/)(?!:)\/?([^\s@]+)$/;
const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])$/i;
const SSH_USER = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;

const refuse = (message: string, hint?: string): Result<never> => {
  const problem: Problem = { code: 'SOURCE_URL_REFUSED', message, path: 'spec.url', ...(hint === undefined ? {} : { hint }) };
  return { ok: false, problem };
};

const suggestion = (text: string): string | undefined => {
  const parts = SCP_STYLE.exec(text);
  if (parts === null) return undefined;
  return `write ssh://${parts[1] ?? 'git'}@${parts[2] ?? ''}/${parts[3] ?? ''}`;
};

const schemeOf = (url: URL, policy: UrlPolicy): SourceUrl['scheme'] | undefined => {
  if (url.protocol === 'https:') return 'https';
  if (url.protocol === 'ssh:') return 'ssh';
  if (url.protocol === 'http:' && policy.allowPlainHttp) return 'http';
  if (url.protocol === 'file:' && policy.allowFileUrls) return 'file';
  return undefined;
};

const allowed = (policy: UrlPolicy): string =>
  ['https', 'ssh', ...(policy.allowPlainHttp ? ['http'] : []), ...(policy.allowFileUrls ? ['file'] : [])].join(', ');

/** A URL that may be handed to git, or why not. The text of a refusal never repeats user name or password. */
export const parseSourceUrl = (text: string, policy: UrlPolicy): Result<SourceUrl> => {
  if (text.length > 2048) return refuse('the URL is longer than 2048 characters');
  // oxlint-disable-next-line no-control-regex -- that is what must not be in it
  if (/[\u0000-\u0020\u007f\\]/.test(text)) return refuse('the URL holds a space, a control character or a backslash');
  if (!URL.canParse(text) || !/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    const hint = suggestion(text);
    return hint === undefined
      ? refuse(`it is not a URL with one of the schemes ${allowed(policy)}`)
      : refuse('the short form host:path is not a URL', hint);
  }
  const url = new URL(text);
  const scheme = schemeOf(url, policy);
  if (scheme === undefined) return refuse(`the scheme ${shown(url.protocol.slice(0, -1))} is not allowed, only ${allowed(policy)}`);
  if (url.password !== '' || (url.username !== '' && scheme !== 'ssh')) {
    return refuse('the URL holds a credential', 'move user name and password to the Secret that spec.secretRef names');
  }
  if (url.search !== '' || url.hash !== '') return refuse('the URL has a query or a fragment');
  if (scheme === 'ssh' && url.username !== '' && !SSH_USER.test(url.username)) return refuse('the user name is not a plain one');
  if (scheme === 'file' ? url.host !== '' : !HOST.test(url.hostname)) return refuse(`${shown(url.hostname)} is not a host name`);
  if (url.pathname.length < 2) return refuse('the URL names a host but no repository');
  return { ok: true, value: { scheme, href: url.href, scope: `${url.protocol}//${url.host}/`, host: url.host } };
};
