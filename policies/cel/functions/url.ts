// SPDX-License-Identifier: Apache-2.0
import type { Evaluation } from '../program/evaluation.ts';
import * as types from '../types/type.ts';
import { CelMap } from '../values/map.ts';
import { UrlFault } from '../values/url-escape.ts';
import { parseQuery, parseUrl, splitHost, textOf, uriFault } from '../values/url-text.ts';
import { escapedPath } from '../values/url.ts';
import type { UrlParts } from '../values/url.ts';
import type { Value } from '../values/value.ts';
import { url } from './opaque.ts';
import { string } from './parameters.ts';
import { entry, overload1 } from './table.ts';
import type { FunctionEntry, Library } from './table.ts';

/** Units of effort a character takes where it is read, escaped or quoted. */
const TEXT_EFFORT = 50;

const read = (evaluation: Evaluation, text: string): Value | undefined => {
  if (!evaluation.strain(text.length * TEXT_EFFORT)) return undefined;
  const parsed = parseUrl(text);
  return parsed instanceof UrlFault ? evaluation.fail(`URL parse error during conversion from string: ${parsed.message}`) : parsed;
};

const accessor = (name: string, id: string, of: (parts: UrlParts) => string): FunctionEntry =>
  entry(
    name,
    overload1({
      id,
      member: true,
      params: [url],
      result: types.STRING,
      run: (evaluation, { parts }) =>
        evaluation.strain((parts.host.length + parts.path.length) * TEXT_EFFORT) ? textOf(of(parts)) : undefined,
    }),
  );

const queryOf = (evaluation: Evaluation, { rawQuery }: UrlParts): Value | undefined => {
  if (!evaluation.strain(rawQuery.length * TEXT_EFFORT)) return undefined;
  const settings = Array.from(parseQuery(rawQuery), ([name, values]): [Value, Value] => [textOf(name), values.map(textOf)]);
  return CelMap.from(settings);
};

export const urlLibrary: Library = {
  name: 'kubernetes.urls',
  since: '1.0',
  functions: [
    entry('url', overload1({ id: 'string_to_url', params: [string], result: url.type, run: read })),
    entry(
      'isURL',
      overload1({
        id: 'is_url_string',
        params: [string],
        result: types.BOOL,
        run: (evaluation, text) => (evaluation.strain(text.length * TEXT_EFFORT) ? uriFault(text) === undefined : undefined),
      }),
    ),
    accessor('getScheme', 'url_get_scheme', ({ scheme }) => scheme),
    accessor('getHost', 'url_get_host', ({ host }) => host),
    accessor('getHostname', 'url_get_hostname', ({ host }) => splitHost(host).name),
    accessor('getPort', 'url_get_port', ({ host }) => splitHost(host).port),
    accessor('getEscapedPath', 'url_get_escaped_path', escapedPath),
    entry(
      'getQuery',
      overload1({
        id: 'url_get_query',
        member: true,
        params: [url],
        result: types.mapOf(types.STRING, types.listOf(types.STRING)),
        run: (evaluation, { parts }) => queryOf(evaluation, parts),
      }),
    ),
  ],
};
