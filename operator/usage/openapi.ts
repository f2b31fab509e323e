// SPDX-License-Identifier: Apache-2.0
/**
 * The API of the ledger as OpenAPI 3.1 has it, made of the tables by which the server checks what comes and makes what goes. In: those
 * tables. Out: one document, which the server gives to anybody and `make generate` writes to docs/reference/usage-api.json.
 */
import { BATCH_SCHEMA, DETAIL_ANSWERS, INTAKE_ANSWERS, PROBLEM_SCHEMA } from './answers.ts';
import { ITEM_SCHEMAS, PRUNED_BEFORE } from './detail.ts';
import { DETAIL_PATH, PARAMETERS, detailKinds, parameterOf } from './detail-query.ts';
import type { DetailKind } from './detail-query.ts';
import { EVENT_SCHEMA, TENANT } from './event.ts';
import { USAGE_AUDIENCE } from './sender.ts';
import { objectSchema, textSchema } from './wire-schema.ts';
import type { Schema } from './wire-schema.ts';

export const EVENTS_PATH = '/v1/events';
export const OPENAPI_PATH = '/v1/openapi.json';
export const EVENT_TYPES = { one: 'application/cloudevents+json', batch: 'application/cloudevents-batch+json' } as const;
export const MAX_BATCH = 1000;
export const MAX_BODY_BYTES = 2 ** 20;

const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

const PAGES: Readonly<Record<DetailKind, { readonly item: string; readonly about: string }>> = {
  events: { item: 'EventItem', about: 'The events of a tenant, by source and id.' },
  hours: { item: 'HourItem', about: 'What a tenant used by meter and hour.' },
  statements: { item: 'StatementItem', about: 'The statements of the months that are closed, oldest first.' },
};
const pageOf = (what: DetailKind): Schema =>
  objectSchema(
    {
      items: { type: 'array', items: ref(PAGES[what].item) },
      next: { type: 'string', description: 'The cursor of the page after it; missing at the end.' },
      ...(what === 'events' ? { prunedBefore: PRUNED_BEFORE } : {}),
    },
    ['next', 'prunedBefore'],
  );

type Answers = Readonly<Record<number, { readonly of: string; readonly about: string }>>;

const RETRY_AFTER = { 'Retry-After': { description: 'Seconds.', schema: { type: 'integer', minimum: 1 } } };

const responses = (answers: Answers, page: Schema): Schema => {
  const schemas: Readonly<Record<string, Schema>> = {
    batch: ref('BatchAnswer'),
    problem: ref('Problem'),
    either: { oneOf: [ref('Problem'), ref('BatchAnswer')] },
    page,
  };
  return Object.fromEntries(
    Object.entries(answers).map(([status, { of, about }]) => [
      status,
      {
        description: about,
        ...(status === '429' || status === '503' ? { headers: RETRY_AFTER } : {}),
        content: { 'application/json': { schema: schemas[of] } },
      },
    ]),
  );
};

const intake: Schema = {
  operationId: 'sendEvents',
  summary: 'Reports use',
  description: `One event, or up to ${MAX_BATCH}, at most ${MAX_BODY_BYTES} bytes. A sender keeps its events until it is told that they are on disk.`,
  requestBody: {
    required: true,
    content: {
      [EVENT_TYPES.one]: { schema: ref('UsageEvent') },
      [EVENT_TYPES.batch]: { schema: { type: 'array', maxItems: MAX_BATCH, items: ref('UsageEvent') } },
    },
  },
  responses: responses(INTAKE_ANSWERS, {}),
};

const detail = (what: DetailKind): Schema => ({
  operationId: `list${what[0]?.toUpperCase()}${what.slice(1)}`,
  summary: PAGES[what].about,
  description: 'What was there when the first page was asked for is in exactly one page, whatever is written meanwhile.',
  parameters: [
    { name: 'tenant', in: 'path', required: true, schema: textSchema(TENANT) },
    ...PARAMETERS[what].map((name) => {
      const { schema, about } = parameterOf(name);
      return { name, in: 'query', required: false, description: about, schema };
    }),
  ],
  responses: responses(DETAIL_ANSWERS, pageOf(what)),
});

export const usageApi = {
  openapi: '3.1.0',
  info: {
    title: "Writ's ledger of use",
    version: '1',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    description: `Served by the operator that leads, over TLS. The bearer token is that of a service account for the audience ${USAGE_AUDIENCE}.`,
  },
  servers: [{ url: 'https://writ-usage.writ-system.svc' }],
  security: [{ serviceAccount: [] }],
  paths: {
    [EVENTS_PATH]: { post: intake },
    ...Object.fromEntries(detailKinds.map((what) => [`${DETAIL_PATH}{tenant}/${what}`, { get: detail(what) }])),
  },
  components: {
    securitySchemes: { serviceAccount: { type: 'http', scheme: 'bearer' } },
    schemas: {
      UsageEvent: EVENT_SCHEMA,
      BatchAnswer: BATCH_SCHEMA,
      Problem: PROBLEM_SCHEMA,
      ...Object.fromEntries(detailKinds.map((what) => [PAGES[what].item, ITEM_SCHEMAS[what]])),
    },
  },
} as const;
