// SPDX-License-Identifier: Apache-2.0
import { AddressFault, bracketedAddress } from './ip-text.ts';
import { goQuoteBytes } from './quote.ts';
import { UrlFault, unescapePart } from './url-escape.ts';
import { UrlValue } from './url.ts';
import type { UrlParts } from './url.ts';

/** Reads URLs as Go's net/url does, with its words for what is wrong: absolute ones, or absolute paths. */

const wrong = (message: string): UrlFault => new UrlFault(message);

const cut = (text: string, separator: string): readonly [string, string] => {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
};

const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*(?=:)/;
const USER = /^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/;
const PORT = /^(?::[0-9]*)?$/;

const badPort = (port: string): UrlFault => wrong(`invalid port ${goQuoteBytes(port)} after host`);

const parseBracketed = (host: string): string | UrlFault => {
  const close = host.lastIndexOf(']');
  if (close === -1) return wrong("missing ']' in host");
  const port = host.slice(close + 1);
  if (!PORT.test(port)) return badPort(port);
  const name = host.slice(1, close);
  const zoneAt = name.indexOf('%25');
  const address = unescapePart(zoneAt === -1 ? name : name.slice(0, zoneAt), 'host');
  if (address instanceof UrlFault) return address;
  const zone = zoneAt === -1 ? '' : unescapePart(name.slice(zoneAt), 'zone');
  if (zone instanceof UrlFault) return zone;
  const answer = bracketedAddress(Buffer.from(address + zone, 'latin1').toString('utf8'));
  if (answer instanceof AddressFault) return wrong(`invalid host: ${answer.message()}`);
  return answer ? `[${address}${zone}]${port}` : wrong('invalid IP-literal');
};

const parseHost = (scheme: string, host: string): string | UrlFault => {
  const open = host.lastIndexOf('[');
  if (open > 0) return wrong('invalid IP-literal');
  if (open === 0) return parseBracketed(host);
  // Hosts with several colons are an error in the schemes of the web; others have used them for lists of hosts.
  const isWeb = scheme === 'http' || scheme === 'https';
  const colon = isWeb ? host.indexOf(':') : host.lastIndexOf(':');
  if (colon !== -1 && !PORT.test(host.slice(colon))) return badPort(host.slice(colon));
  return unescapePart(host, 'host');
};

type Authority = Pick<UrlParts, 'user' | 'host'>;

const parseAuthority = (scheme: string, authority: string): Authority | UrlFault => {
  const at = authority.lastIndexOf('@');
  const host = parseHost(scheme, authority.slice(at + 1));
  if (host instanceof UrlFault) return host;
  if (at === -1) return { user: undefined, host };
  const login = authority.slice(0, at);
  if (!USER.test(login)) return wrong('net/url: invalid userinfo');
  const [rawName, rawPassword] = cut(login, ':');
  const name = unescapePart(rawName, 'user');
  if (name instanceof UrlFault) return name;
  const password = login.includes(':') ? unescapePart(rawPassword, 'user') : undefined;
  return password instanceof UrlFault ? password : { user: { name, password }, host };
};

/** `absolute`: only what could stand in an HTTP request, without fragment. */
const parseParts = (text: string, absolute: boolean): UrlParts | UrlFault => {
  // eslint-disable-next-line no-control-regex -- that is what is looked for
  if (/[\x00-\x1f\x7f]/.test(text)) return wrong('net/url: invalid control character in URL');
  if (text === '' && absolute) return wrong('empty url');
  const none = {
    scheme: '',
    opaque: '',
    user: undefined,
    host: '',
    omitHost: false,
    forceQuery: false,
    rawQuery: '',
    fragment: '',
    rawFragment: '',
  };
  if (text === '*') return { ...none, path: '*', rawPath: '' };
  if (text.startsWith(':')) return wrong('missing protocol scheme');
  const written = SCHEME.exec(text)?.[0];
  const scheme = written?.toLowerCase() ?? '';
  const afterScheme = written === undefined ? text : text.slice(written.length + 1);
  const forceQuery = afterScheme.indexOf('?') === afterScheme.length - 1 && afterScheme !== '';
  const [rest, rawQuery] = cut(afterScheme, '?');
  const base = { ...none, scheme, forceQuery, rawQuery };
  if (!rest.startsWith('/')) {
    if (scheme !== '') return { ...base, opaque: rest, path: '', rawPath: '' };
    if (absolute) return wrong('invalid URI for request');
    if (/^[^/]*:/.test(rest)) return wrong('first path segment in URL cannot contain colon');
  }
  const hasAuthority = rest.startsWith('//') && (scheme !== '' || (!absolute && !rest.startsWith('///')));
  if (!hasAuthority) return withPath({ ...base, omitHost: scheme !== '' && rest.startsWith('/') }, rest);
  const slash = rest.indexOf('/', 2);
  const authority = parseAuthority(scheme, slash === -1 ? rest.slice(2) : rest.slice(2, slash));
  return authority instanceof UrlFault ? authority : withPath({ ...base, ...authority }, slash === -1 ? '' : rest.slice(slash));
};

const withPath = (parts: Omit<UrlParts, 'path' | 'rawPath'>, rawPath: string): UrlParts | UrlFault => {
  const path = unescapePart(rawPath, 'path');
  return path instanceof UrlFault ? path : { ...parts, path, rawPath };
};

/** UTF-8 bytes, each one character. */
const bytesOf = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

/** What bytes of a URL say; what is no UTF-8 becomes U+FFFD. */
export const textOf = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('utf8');

const failing = (bytes: string, fault: UrlFault): UrlFault => wrong(`parse ${goQuoteBytes(bytes)}: ${fault.message}`);

/** Why the text is not the URI of a request; undefined = it is one. */
export const uriFault = (text: string): UrlFault | undefined => {
  const bytes = bytesOf(text);
  const parts = parseParts(bytes, true);
  return parts instanceof UrlFault ? failing(bytes, parts) : undefined;
};

/** Read twice, as Kubernetes does: once to be refused like the URI of a request, once to have its fragment taken off. */
export const parseUrl = (text: string): UrlValue | UrlFault => {
  const fault = uriFault(text);
  if (fault !== undefined) return fault;
  const bytes = bytesOf(text);
  const [url, rawFragment] = cut(bytes, '#');
  const parts = parseParts(url, false);
  if (parts instanceof UrlFault) return failing(url, parts);
  const fragment = unescapePart(rawFragment, 'fragment');
  return fragment instanceof UrlFault ? failing(bytes, fragment) : new UrlValue({ ...parts, fragment, rawFragment });
};

/** The port of a host, when it has a proper one, and its name without brackets. */
export const splitHost = (host: string): { readonly name: string; readonly port: string } => {
  const colon = host.lastIndexOf(':');
  const hasPort = colon !== -1 && PORT.test(host.slice(colon));
  const name = hasPort ? host.slice(0, colon) : host;
  const port = hasPort ? host.slice(colon + 1) : '';
  return name.startsWith('[') && name.endsWith(']') ? { name: name.slice(1, -1), port } : { name, port };
};

const MAX_PARAMETERS = 10_000;

/** Names and values of a query; a setting that can't be read is left out. */
export const parseQuery = (rawQuery: string): ReadonlyMap<string, readonly string[]> => {
  const found = new Map<string, string[]>();
  const settings = rawQuery.split('&');
  if (settings.length > MAX_PARAMETERS) return found;
  for (const setting of settings) {
    if (setting === '' || setting.includes(';')) continue;
    const [rawName, rawValue] = cut(setting, '=');
    const name = unescapePart(rawName, 'query');
    const value = unescapePart(rawValue, 'query');
    if (name instanceof UrlFault || value instanceof UrlFault) continue;
    const values = found.get(name);
    if (values === undefined) found.set(name, [value]);
    else values.push(value);
  }
  return found;
};
