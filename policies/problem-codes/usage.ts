// SPDX-License-Identifier: Apache-2.0
// What the ledger of use answers.
import type { ProblemCodes } from './entry.ts';

export const usageCodes = {
  USAGE_UNAUTHENTICATED: {
    summary: 'The sender of usage events could not be told.',
    fix: 'send a service account token for the audience writ-usage as a bearer token, and mount it anew before it expires',
  },
  USAGE_TENANT_FOREIGN: {
    summary: 'The sender may not report use for this tenant.',
    fix: 'report for the tenant of the namespace of the service account, or name that account in --usage-reporter',
  },
  USAGE_METER_RESERVED: {
    summary: "The meter counts Writ's own answers, and only its webhook may report it.",
    fix: 'report under a meter of your own, declared in the ConfigMap writ-meters',
  },
  USAGE_BODY_REFUSED: {
    summary: 'The body of a usage request is no batch of events.',
    fix: 'send at most 1,000 events and 1 MiB as application/cloudevents-batch+json, or one as application/cloudevents+json',
  },
  USAGE_KEY_TWICE: {
    summary: 'An object in the body of a usage request gives a key twice, which two readers may read as two different things.',
    fix: 'send each key once; nothing of the batch was stored, so send it again when the sender is mended',
  },
  USAGE_TENANT_HIDDEN: {
    summary: 'Whoever asks may not see what this tenant used.',
    fix: 'ask with a service account of a namespace of the tenant, or name the account in --usage-reader',
  },
  USAGE_QUERY_REFUSED: {
    summary: 'A question for detail of the ledger has a path, parameter or cursor that there is not.',
    fix: 'ask as docs/usage.md says; take a cursor from the answer before as it is, or begin without one',
  },
  USAGE_EVENT_INVALID: {
    summary: 'A usage event lacks something that it needs, or holds what no event may.',
    fix: 'see the event format in docs/usage.md; quantities are decimal texts',
  },
  USAGE_EVENT_EARLY: {
    summary: 'A usage event is more than five minutes ahead of the clock of the ledger.',
    fix: 'set the clock of the sender right; keep the event and send it again, it is not stored',
  },
  USAGE_EVENT_LATE: {
    summary: 'A usage event is more than 35 days late.',
    fix: 'settle it with the customer by hand: no period that could hold it is open any more',
  },
  USAGE_EVENT_CONFLICT: {
    summary: 'Another event is stored under this identity or sequence number.',
    fix: 'give each event an id and a seq of its own; a source that starts anew needs a new name',
  },
  USAGE_GAPS: {
    summary: 'The source has left out too many sequence numbers: it has 200 gaps, or this one is wider than a billion.',
    fix: 'count from 1 without leaving any out and send what is missing first; a source that lost its events goes on under a new name',
  },
  USAGE_TENANT_UNKNOWN: {
    summary: 'There is no Tenant of this name; the event is kept aside and counts as soon as there is one.',
    fix: 'create the Tenant, or set the name right in the sender',
  },
  USAGE_METER_UNKNOWN: {
    summary: 'Nobody has declared this meter; the event is kept aside and counts as soon as it is declared.',
    fix: 'declare the meter in the ConfigMap writ-meters, or set the name right in the sender',
  },
  USAGE_QUARANTINE_FULL: {
    summary: 'Too many events of unknown tenants or meters wait.',
    fix: 'create the tenants or declare the meters that the events name, then send again',
  },
  USAGE_BUSY: {
    summary: 'The ledger takes in as much as it can.',
    fix: 'keep the events and send them again after Retry-After',
  },
  USAGE_LEDGER_UNAVAILABLE: {
    summary: 'This process cannot write the ledger: another one leads, the disk is full, or the file is damaged.',
    fix: 'keep the events and send them again after Retry-After; if it stays so, look at writ_usage_ledger_up and the log of the operator',
  },
  USAGE_NOT_HEARD_OF: {
    summary: 'The ledger has never heard of the tenant, or began after the month.',
    fix: 'look for a mistake in --tenant and --month, or name the ledger that holds it',
  },
  USAGE_LEDGER_DAMAGED: {
    summary: 'What the ledger holds is not what it once wrote.',
    fix: 'stop the operator, restore the last good copy of the ledger and let the sources send again what is missing',
  },
  USAGE_LIMIT_EXCEEDED: {
    summary: 'The tenant has used what its limit allows within the window.',
    fix: 'wait until the window has passed, or raise the limit in spec.usage.limits of the Tenant',
  },
  USAGE_LIMIT_THROTTLED: {
    summary: 'The tenant has used what its limit allows within the window; new agents have to wait.',
    fix: 'nothing: controllers try again by themselves, and succeed once the window has room',
  },
} as const satisfies ProblemCodes;
