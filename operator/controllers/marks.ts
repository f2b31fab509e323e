// SPDX-License-Identifier: Apache-2.0
/**
 * The marks of the cluster: the highest version that was enforced of each sealed document, kept where a new leader and a
 * replica that starts find them.
 *
 * In: the ConfigMap `writ-marks` as it is, and what the ledger knows (inventories, and the verified documents that they name
 * or that stand alone). Out: the same ConfigMap, joined with all of that, written after a commit's inventory; it never says
 * less than before. Everything is worked out anew at each look, so a crash between two writes loses nothing. Whoever
 * deletes the object finds it still used while its finalizer holds, and made again when that is taken away.
 */
import { INVENTORY_LABEL, MARKS_FINALIZER, MARKS_LABEL, MARKS_NAME, configMaps, isSealedKind } from '../../crds/kinds.ts';
import { decodeMarks, encodeMarks, marksFit } from '../../crds/marks.ts';
import type { Mark } from '../../crds/marks.ts';
import { isImmutable, isRecord } from '../../crds/wire.ts';
import type { KubeClient } from '../../kube/client.ts';
import { regardingOf } from '../../kube/events.ts';
import type { EventRecorder } from '../../kube/events.ts';
import { goingOf } from '../../kube/namespace.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { after } from '../../kube/outcome.ts';
import type { Outcome } from '../../kube/outcome.ts';
import { applyOver } from '../apply/call.ts';
import type { MarkLedger } from './mark-ledger.ts';
import { marksProblems } from './marks-problems.ts';
import type { MarksProblem } from './marks-problems.ts';
import { deleteUnwritable } from './unwritable.ts';

export type MarksDeps = {
  readonly client: KubeClient;
  readonly ledger: MarkLedger;
  /** The version of a document that verifies in the cluster now. */
  readonly standing: (document: Pick<Mark, 'kind' | 'name'>) => number | undefined;
  readonly namespace: string;
  readonly recorder: EventRecorder;
  /** The system namespace, from the caches. */
  readonly home: () => KubeObject | undefined;
  /** How many of each; 0 clears. */
  readonly observe: (problem: MarksProblem, count: number) => void;
  /** Handed what was verified and never what was only read in the object, since what is on record stays there. */
  readonly onRecord?: ((marks: readonly Mark[]) => void) | undefined;
};

/** What is on record is joined with what the object said; it tells where a backup that was put back has lowered that. */
export const recallMarks = async (
  { ledger, namespace, recorder }: Pick<MarksDeps, 'ledger' | 'namespace' | 'recorder'>,
  recorded: readonly Mark[],
): Promise<void> => {
  const lowered = ledger.recall(recorded);
  if (lowered.length === 0) return;
  const note = `lower than the audit log has it, or gone: ${listed(lowered)}; nothing older is applied, but replicas that start go by ${MARKS_NAME} until these stand again`;
  const regarding = regardingOf(configMaps, { metadata: { name: MARKS_NAME, namespace } });
  await recorder.record({ regarding, type: 'Warning', reason: 'MarksLowered', note, action: 'MarksLowered' });
};

type LiveMarks = KubeObject & { readonly data?: unknown };

const LOOK_MS = 60_000;
const SHOWN = 5;

type Told = { readonly problem: MarksProblem; readonly reason: string; readonly note: string };

const listed = (marks: readonly Mark[]): string => {
  const shown = marks.slice(0, SHOWN).map(({ kind, name, version }) => `${kind} ${name} (version ${version})`);
  return `${shown.join(', ')}${marks.length > SHOWN ? ` and ${marks.length - SHOWN} more` : ''}`;
};

type Found = {
  readonly live: KubeObject | undefined;
  readonly isReadable: boolean;
  readonly unmet: readonly Mark[];
  readonly tenants: readonly Mark[];
  readonly home: KubeObject | undefined;
};

const heldNotes = ({ live, home }: Found): readonly string[] => [
  ...(isImmutable(live) ? [`somebody made ${MARKS_NAME} immutable; it is deleted and made again with all that is known`] : []),
  ...(live !== undefined && isTakenForInventory(live) ? [`somebody gave ${MARKS_NAME} the label of an inventory; it is taken off`] : []),
  ...(goingOf(home) === 'stuck'
    ? [`the namespace of ${MARKS_NAME} is deleted and nothing removes what is in it, since its finalizer was taken from its spec`]
    : []),
];

const isTakenForInventory = ({ metadata }: KubeObject): boolean => metadata.labels?.[INVENTORY_LABEL] !== undefined;

const problemsOf = (found: Found): readonly Told[] => {
  const { live, isReadable, unmet, tenants } = found;
  return [
    ...heldNotes(found).map((note): Told => ({ problem: 'held', reason: 'MarksHeld', note })),
    ...(live?.metadata.deletionTimestamp === undefined
      ? []
      : [
          {
            problem: 'deleting',
            reason: 'MarksDeleted',
            note: `somebody deletes ${MARKS_NAME}; it is used and written on, and made again if the finalizer ${MARKS_FINALIZER} is taken away`,
          } as const,
        ]),
    ...(isReadable
      ? []
      : [{ problem: 'unreadable', reason: 'MarksUnreadable', note: `somebody damaged ${MARKS_NAME}; it is written anew` } as const]),
    ...(unmet.length === 0
      ? []
      : [
          {
            problem: 'unmet',
            reason: 'MarkUnmet',
            note: `enforced and not in the cluster: ${listed(unmet)}; replicas that start stay closed until they are applied again or end by seal`,
          } as const,
        ]),
    ...(tenants.length === 0
      ? []
      : [
          {
            problem: 'unmet',
            reason: 'MarkUnmet',
            note: `not there as sealed last: ${listed(tenants)}; apply that version, or seal a higher one`,
          } as const,
        ]),
  ];
};

export const reconcileMarks = async (deps: MarksDeps, signal: AbortSignal): Promise<Outcome> => {
  const { client, ledger, namespace } = deps;
  const live = await client.get<LiveMarks>(configMaps, { namespace, name: MARKS_NAME }, { signal });
  // Without its label replicas do not see it, and nobody is asked who writes it.
  const told = live === undefined ? [] : live.metadata.labels?.[MARKS_LABEL] === 'true' ? decodeMarks(live) : undefined;
  ledger.hear(told);
  const marks = [...ledger.known().values()];
  const unmet = marks.filter((mark) => isSealedKind(mark.kind) && mark.gone !== true && (deps.standing(mark) ?? 0) < mark.version);
  const tenants = ledger.missingTenants();
  const problems = problemsOf({ live, isReadable: told !== undefined, unmet, tenants, home: deps.home() });
  const provable = [...ledger.provable().values()];
  const verified = [...ledger.verified().values()];
  const isFull = !marksFit(provable);
  for (const problem of marksProblems) {
    const isThere = problem === 'full' ? isFull : problems.some((one) => one.problem === problem);
    deps.observe(problem, isThere ? (problem === 'unmet' ? unmet.length + tenants.length : 1) : 0);
  }
  const regarding = regardingOf(configMaps, live ?? { metadata: { name: MARKS_NAME, namespace } });
  // Told first: the write may be refused for what is wrong.
  for (const { reason, note } of problems) await deps.recorder.record({ regarding, type: 'Warning', reason, note, action: reason });
  const wanted = encodeMarks(provable, namespace);
  if (!isFull && (provable.length > 0 || live !== undefined) && !isWritten(wanted.data, live)) {
    const { resourceVersion } = (await freed(deps, live, signal))?.metadata ?? {};
    // Nobody may have written since it was read: whatever that says has to be joined too.
    const metadata = { ...wanted.metadata, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
    await applyOver({ resource: configMaps, object: { ...wanted, metadata } }, { client, signal, dryRun: false });
  }
  deps.onRecord?.(verified);
  return after(ledger.isBehind() ? 0 : LOOK_MS);
};

/** What there is to write on, after what keeps from it was taken away. */
const freed = async ({ client }: MarksDeps, live: LiveMarks | undefined, signal: AbortSignal): Promise<KubeObject | undefined> => {
  if (live === undefined) return undefined;
  if (isImmutable(live)) {
    await deleteUnwritable(client, live, signal);
    return undefined;
  }
  if (!isTakenForInventory(live)) return live;
  const { uid, resourceVersion, name, namespace } = live.metadata;
  const body = { metadata: { uid, resourceVersion, labels: { [INVENTORY_LABEL]: null } } };
  return client.patch<KubeObject>(configMaps, { namespace, name }, { type: 'merge', body, signal });
};

/** Keys that others added are theirs. */
const isWritten = (wanted: Readonly<Record<string, string>> = {}, live: LiveMarks | undefined): boolean => {
  const data = isRecord(live?.data) ? live.data : {};
  return (
    live !== undefined &&
    Object.entries(wanted).every(([key, text]) => Object.hasOwn(data, key) && data[key] === text) &&
    !isImmutable(live) &&
    !isTakenForInventory(live) &&
    live.metadata.labels?.[MARKS_LABEL] === 'true' &&
    live.metadata.finalizers?.includes(MARKS_FINALIZER) === true
  );
};
