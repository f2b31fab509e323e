// SPDX-License-Identifier: Apache-2.0
import { Boxed, CelType } from './boxed.ts';
import { encodedPart, escapePart } from './url-escape.ts';

export const URL_TYPE = new CelType('kubernetes.URL');

/** A URL in its parts, which are bytes as Latin-1: `raw…` as they were written, the others unescaped. */
export type UrlParts = {
  readonly scheme: string;
  readonly opaque: string;
  readonly user: { readonly name: string; readonly password: string | undefined } | undefined;
  readonly host: string;
  readonly omitHost: boolean;
  readonly path: string;
  readonly rawPath: string;
  readonly forceQuery: boolean;
  readonly rawQuery: string;
  readonly fragment: string;
  readonly rawFragment: string;
};

export const escapedPath = ({ rawPath, path }: UrlParts): string => encodedPart(rawPath, path, 'path');

const authority = ({ scheme, user, host, omitHost, path }: UrlParts): string => {
  if (scheme === '' && host === '' && user === undefined) return '';
  if (omitHost && host === '' && user === undefined) return '';
  const slashes = host !== '' || path !== '' || user !== undefined ? '//' : '';
  const secret = user?.password === undefined ? '' : `:${escapePart(user.password, 'user')}`;
  const login = user === undefined ? '' : `${escapePart(user.name, 'user')}${secret}@`;
  return slashes + login + escapePart(host, 'host');
};

const beforeQuery = (parts: UrlParts): string => {
  const { scheme, opaque, host } = parts;
  const start = scheme === '' ? '' : `${scheme}:`;
  if (opaque !== '') return start + opaque;
  const path = escapedPath(parts);
  const head = start + authority(parts) + (path !== '' && !path.startsWith('/') && host !== '' ? '/' : '');
  // A first segment with a colon would be taken for a scheme.
  return head + (head === '' && /^[^/]*:/.test(path) ? './' : '') + path;
};

/** The URL put together again, by which two of them are compared. */
const formatUrl = (parts: UrlParts): string => {
  const query = parts.forceQuery || parts.rawQuery !== '' ? `?${parts.rawQuery}` : '';
  const fragment = parts.fragment === '' ? '' : `#${encodedPart(parts.rawFragment, parts.fragment, 'fragment')}`;
  return beforeQuery(parts) + query + fragment;
};

export class UrlValue extends Boxed {
  readonly #parts: UrlParts;

  constructor(parts: UrlParts) {
    super();
    this.#parts = parts;
  }

  get parts(): UrlParts {
    return this.#parts;
  }

  override get type(): CelType {
    return URL_TYPE;
  }

  override sameAs(other: unknown): boolean | undefined {
    return other instanceof UrlValue ? formatUrl(this.#parts) === formatUrl(other.#parts) : undefined;
  }
}
