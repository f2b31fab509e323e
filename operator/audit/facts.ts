// SPDX-License-Identifier: Apache-2.0
// What of a running operator goes on record: changes of what it goes by, what it tells people, and what it put right.
import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';
import { RECEIPTS_ANNOTATION, TRUST_POLICY_NAME } from '../../crds/kinds.ts';
import type { Mark } from '../../crds/marks.ts';
import { decodeReceiptsHead } from '../../crds/replica.ts';
import type { EventInput } from '../../kube/events.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { isJsonObject } from '../../policies/document/json.ts';
import type { JsonObject, JsonValue } from '../../policies/document/json.ts';
import type { AuditObject } from '../../policies/transparency/entry.ts';
import type { TrustSignature } from '../../policies/trust/load.ts';
import { canonicalJson } from '../../policies/transparency/canonical-json.ts';
import type { SyncEvent } from '../controllers/git-source.ts';
import type { Tampering } from '../controllers/tamper.ts';
import type { UsageEvent } from '../usage/event.ts';
import type { Meter } from '../usage/meters.ts';
import type { Pruned } from '../usage/pruning.ts';
import type { Seal } from '../usage/seals.ts';
import { statementText } from '../usage/statement.ts';
import type { UsageStatement } from '../usage/statement.ts';
import type { ToldFact } from './sequencer.ts';

/** A fact, and of what: the same fact of one topic is told once. */
export type Topic = {
  readonly topic: string;
  readonly fact: ToldFact;
  /** Kept with the entry, in its transaction, for whoever asks for the last of each topic. */
  readonly state?: string;
};

export const OPERATOR = 'writ-operator';

const jsonOf = (value: unknown): JsonValue => {
  const text: string | undefined = JSON.stringify(value);
  return text === undefined ? null : JSON.parse(text);
};

const digestOf = (value: unknown): string => `sha256:${hash('sha256', canonicalJson(jsonOf(value)), 'hex')}`;

/** Who wrote the spec last, as far as the API server says: the name of a field manager is a claim, no proof. */
const managerOf = ({ metadata }: KubeObject): string => {
  const writers = (metadata.managedFields ?? []).filter(({ subresource }) => subresource === undefined || subresource === '');
  const [last] = writers.toSorted((a, b) => ((a.time ?? '') < (b.time ?? '') ? 1 : -1));
  return last?.manager ?? 'unknown';
};

export type ConfigurationObject = KubeObject & { readonly spec?: unknown; readonly signature?: { readonly document?: string } | undefined };

const objectOf = (kind: string, { metadata }: KubeObject): AuditObject => ({
  kind,
  name: metadata.name,
  ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
  ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
  ...(metadata.generation === undefined ? {} : { version: String(metadata.generation) }),
});

const topicOf = (kind: string, { metadata }: Pick<KubeObject, 'metadata'>): string =>
  `object/${kind}/${metadata.namespace ?? ''}/${metadata.name}`;

/**
 * An object that Writ goes by has another spec than before. A spec may name people, so it is encrypted; its digest, and that of
 * the signed document, are not.
 */
export const configurationChanged = (kind: string, object: ConfigurationObject): Topic => {
  const { document } = object.signature ?? {};
  return {
    topic: topicOf(kind, object),
    fact: {
      action: 'configuration.changed',
      actor: managerOf(object),
      object: objectOf(kind, object),
      ...(kind === 'Tenant' ? { tenant: object.metadata.name } : {}),
      detail: {
        spec: digestOf(object.spec ?? null),
        ...(document === undefined ? {} : { document: `sha256:${hash('sha256', document, 'hex')}` }),
      },
      secret: { 'detail.spec': canonicalJson(jsonOf(object.spec ?? null)) },
    },
  };
};

export const configurationDeleted = (kind: string, object: Pick<KubeObject, 'metadata'>): Topic => ({
  topic: topicOf(kind, object),
  fact: {
    action: 'configuration.deleted',
    actor: 'unknown',
    // Without its uid: of what went while nobody looked no more is known.
    object: {
      kind,
      name: object.metadata.name,
      ...(object.metadata.namespace === undefined ? {} : { namespace: object.metadata.namespace }),
    },
    ...(kind === 'Tenant' ? { tenant: object.metadata.name } : {}),
  },
});

/** Of the topics of marks. */
export const MARK_TOPIC = 'mark/';

/** From now on nothing older of that document, or set of a source, may be enforced. */
export const markRaised = (mark: Mark): Topic => {
  const { kind, name, version, digest, source, gone } = mark;
  return {
    topic: `${MARK_TOPIC}${kind}/${name}`,
    fact: {
      action: 'mark.raised',
      actor: OPERATOR,
      object: { kind, name, version: String(version) },
      ...(kind === 'Tenant' ? { tenant: name } : {}),
      detail: { version, digest, ...(source === undefined ? {} : { source }), ...(gone === undefined ? {} : { gone }) },
    },
    state: JSON.stringify(mark),
  };
};

export const TRUST_TOPIC = 'trust/';

export type FollowedTrust = { readonly version: number; readonly digest: string; readonly signature: TrustSignature };

/** The operator goes by this version of the trust policy. With it is kept all that it takes to believe it again. */
export const trustFollowed = ({ version, digest, signature }: FollowedTrust): Topic => ({
  topic: `${TRUST_TOPIC}${TRUST_POLICY_NAME}`,
  fact: {
    action: 'trust.followed',
    actor: OPERATOR,
    object: { kind: 'TrustPolicy', name: TRUST_POLICY_NAME, version: String(version) },
    detail: { version, digest },
  },
  state: JSON.stringify({ version, signature }),
});

/** A commit that was brought to the cluster, or refused, with all that was wrong with it. */
export const commitJudged = ({ source, result, problems = [], revision, transient = false }: SyncEvent): Topic | undefined => {
  if (result === 'unchanged' || transient) return undefined;
  const [namespace = '', name = ''] = source.split('/');
  const told = problems.slice(0, 20).map(({ code, message, at, path }): JsonObject => ({
    code,
    message: message.slice(0, 1000),
    ...(at === undefined ? {} : { at: `${at.file}:${at.line}:${at.column}` }),
    ...(path === undefined ? {} : { path }),
  }));
  return {
    topic: `commit/${source}`,
    fact: {
      action: result === 'applied' ? 'commit.applied' : 'commit.refused',
      actor: OPERATOR,
      object: { kind: 'GitSource', namespace, name },
      decision: result === 'applied' ? 'Allow' : 'Deny',
      detail: { ...(revision === undefined ? {} : { revision }), ...(told.length === 0 ? {} : { problems: told, count: problems.length }) },
    },
  };
};

/**
 * A replica has sealed receipts up to a batch. Decisions are not copied: each batch names the one before by its digest, so that
 * this one entry holds all of them to what they were.
 */
export const decisionsSealed = (lease: Pick<KubeObject, 'metadata'>): Topic | undefined => {
  const { name, namespace, annotations } = lease.metadata;
  const head = decodeReceiptsHead(annotations?.[RECEIPTS_ANNOTATION]);
  if (head === undefined) return undefined;
  const object: AuditObject = { kind: 'Lease', name, ...(namespace === undefined ? {} : { namespace }) };
  return {
    topic: `decisions/${name}`,
    fact: { action: 'decisions.sealed', actor: 'writ-webhook', object, detail: { batch: head.batch, digest: head.digest } },
  };
};

/** So many events of one batch and source were sent under identities that hold others: refused, never counted. The first is named. */
export const conflictsRefused = ({ tenant, source, id, meter, digest }: UsageEvent, count: number): ToldFact => ({
  action: 'usage.conflict',
  actor: source,
  tenant,
  decision: 'Deny',
  detail: { count, id, meter, digest: `sha256:${Buffer.from(digest).toString('hex')}` },
});

/** More of a tenant's in an hour than have entries. */
export const conflictsUntold = (more: { readonly tenant: string; readonly hourMs: number; readonly count: number }): ToldFact => ({
  action: 'usage.conflict',
  actor: OPERATOR,
  tenant: more.tenant,
  decision: 'Deny',
  detail: { hour: new Date(more.hourMs).toISOString(), more: more.count },
});

/** What is counted by this name from now on, and how: it never changes again. */
export const meterDeclared = ({ name, unit, aggregation, divisor }: Meter): ToldFact => ({
  action: 'usage.meter',
  actor: OPERATOR,
  detail: { name, unit, aggregation, divisor: String(divisor) },
});

/**
 * What all tenants used in an hour is fixed by one digest. Of hours that are sealed again, which late events of anybody bring about, one
 * entry in a round: each seal covers those before it.
 */
export const hoursSealed = (seals: readonly Seal[]): readonly ToldFact[] => {
  const again = seals.filter(({ revision }) => revision > 1);
  const told = [...seals.filter(({ revision }) => revision === 1), ...again.slice(-1)];
  return told.map(({ hourMs, revision, root }) => ({
    action: 'usage.sealed',
    actor: OPERATOR,
    detail: {
      hour: new Date(hourMs).toISOString(),
      revision,
      root,
      ...(revision > 1 && again.length > 1 ? { others: again.length - 1 } : {}),
    },
  }));
};

/** Events of use left the ledger; what they added up to stays. */
export const eventsPruned = ({ before, events }: Pruned): ToldFact => ({
  action: 'usage.pruned',
  actor: OPERATOR,
  detail: { before, events },
});

/** A statement was made, by which a tenant is billed. */
export const periodClosed = (statement: UsageStatement): ToldFact => ({
  action: 'usage.statement',
  actor: OPERATOR,
  tenant: statement.tenant,
  detail: {
    start: statement.period.start,
    end: statement.period.end,
    revision: statement.revision,
    digest: `sha256:${hash('sha256', statementText(statement), 'hex')}`,
  },
});

/** Every one of these is a deed of its own. */
export const tamperingRepaired = ({ what, regarding, found }: Tampering): ToldFact => ({
  action: 'tampering.repaired',
  actor: OPERATOR,
  object: {
    kind: regarding.kind,
    name: regarding.name,
    ...(regarding.namespace === undefined ? {} : { namespace: regarding.namespace }),
  },
  detail: { what, found },
});

/** What people are told of an object: verifications, refusals, what became of a tenant. */
export const personTold = ({ regarding, type, reason, note, action }: EventInput): Topic => {
  const { kind, name, namespace, uid } = regarding;
  return {
    topic: `told/${kind}/${namespace ?? ''}/${name}/${action}`,
    fact: {
      action: type === 'Warning' ? 'person.warned' : 'person.told',
      actor: OPERATOR,
      object: { kind, name, ...(namespace === undefined ? {} : { namespace }), ...(uid === undefined ? {} : { uid }) },
      ...(kind === 'Tenant' ? { tenant: name } : {}),
      detail: { reason, note: note.slice(0, 2000), action },
    },
  };
};

/** The digest by which the same is not said twice: when, and which version, does not count. */
export const contentOf = ({ action, decision, detail, object }: ToldFact): string =>
  digestOf([action, decision ?? null, object?.uid ?? null, isJsonObject(detail) ? detail : null]);

/** The object that a topic of a configuration is of; undefined for any other topic. */
export const objectOfTopic = (
  topic: string,
): { readonly kind: string; readonly metadata: { readonly name: string; readonly namespace?: string } } | undefined => {
  const [, kind, namespace, name] = /^object\/([A-Za-z]+)\/([^/]*)\/([^/]+)$/.exec(topic) ?? [];
  if (kind === undefined || name === undefined) return undefined;
  return { kind, metadata: { name, ...(namespace === undefined || namespace === '' ? {} : { namespace }) } };
};
