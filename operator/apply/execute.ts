// SPDX-License-Identifier: Apache-2.0
/**
 * A plan → the API server, so that a reader can tell a whole commit from half of one.
 *
 * In: the plan of one commit, a client that is fenced by leadership. Out: all of it applied, or coded problems with the
 * commit before still in force; passing trouble of the API server is thrown. The trust policy went ahead (`trust-ahead.ts`).
 * Order: every write as a dry run; the webhook's configuration widened to what the new set needs; the writes, kind by kind; the
 * inventory, which is the commit's own mark, what replicas flip on, and what carries the proof that documents may end; last
 * the deletions, which nobody would let through before that. Replicas keep what they enforce until a seal ends it, and what
 * a crash leaves undeleted carries this source's label and is found again, so after any of these calls the same commit
 * applies again to the same end, with nothing forgotten.
 */
import { configMaps } from '../../crds/kinds.ts';
import { decodeInventory, encodeInventory, inventoryFits, inventoryName } from '../../crds/inventory.ts';
import type { Inventory } from '../../crds/inventory.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Problem } from '../../policies/problem.ts';
import { applyOver, attempt, perform } from './call.ts';
import type { CallOptions } from './call.ts';
import type { Operation, Plan } from './plan.ts';

export type CommitInput = {
  readonly plan: Plan;
  readonly inventory: Inventory;
  /** Whether the inventory is already what the cluster holds; then it is not written. */
  readonly inventoryStands: boolean;
  /** Takes away the one there is, where nothing can be written into it. */
  readonly clearInventory?: (() => Promise<void>) | undefined;
  /** Where inventories lie: the system namespace. */
  readonly namespace: string;
  readonly client: KubeClient;
  /** Makes the API server ask the webhook about all that the new set matches, before the set is enforced; why not, if it cannot be yet. */
  readonly widen: () => Promise<Problem | undefined>;
  readonly signal: AbortSignal;
};

export type CommitOutcome =
  | { readonly ok: true; readonly applied: number; readonly deleted: number }
  /** `transient`: the same commit may go through by itself later. */
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly transient: boolean };

const MANY = 'an inventory names at most about 5,000 documents';

/** Why replicas could not follow this inventory: one that they cannot read would leave them at the commit before for ever. */
const inventoryProblem = (inventory: Inventory, namespace: string): Problem | undefined => {
  if (!inventoryFits(inventory)) return { code: 'APPLY_TOO_MANY', message: `${inventory.documents.length} documents: ${MANY}` };
  if (decodeInventory(encodeInventory(inventory, namespace)) !== undefined) return undefined;
  return {
    code: 'INVENTORY_INVALID',
    message: `the inventory of ${inventory.source} at ${inventory.revision.slice(0, 80)} cannot be read back`,
  };
};

const refuse = (problems: readonly Problem[]): CommitOutcome => ({ ok: false, problems, transient: false });
// What the dry run accepted a moment ago is refused for a reason that may pass: it is told, and tried again.
const refuseForNow = (problems: readonly Problem[]): CommitOutcome => ({ ok: false, problems, transient: true });

export const applyCommit = async (input: CommitInput): Promise<CommitOutcome> => {
  const { plan, inventory, namespace, client, signal } = input;
  const unreadable = inventoryProblem(inventory, namespace);
  if (unreadable !== undefined) return refuse([unreadable]);
  const writes = plan.operations.filter((operation) => operation.kind === 'apply');
  const deletions = plan.operations.filter((operation) => operation.kind === 'delete');
  const refused = await attemptAll(writes, { client, signal, dryRun: true });
  if (refused.length > 0) return refuse(refused);
  const notReady = input.inventoryStands ? undefined : await input.widen();
  if (notReady !== undefined) return { ok: false, problems: [notReady], transient: true };
  for (const kind of new Set(writes.map(({ target }) => target.kind))) {
    const sameKind = writes.filter(({ target }) => target.kind === kind);
    const problems = await attemptAll(sameKind, { client, signal, dryRun: false });
    if (problems.length > 0) return refuseForNow(problems);
  }
  if (!input.inventoryStands) {
    const target = { group: '', kind: 'ConfigMap', namespace, name: inventoryName(inventory.source) };
    const problems = await attempt(target, async () => {
      await input.clearInventory?.();
      return applyOver({ resource: configMaps, object: encodeInventory(inventory, namespace) }, { client, signal, dryRun: false });
    });
    if (problems.length > 0) return refuseForNow(problems);
  }
  for (const operation of deletions) {
    const problems = await attemptAll([operation], { client, signal, dryRun: false });
    if (problems.length > 0) return refuseForNow(problems);
  }
  return { ok: true, applied: writes.length, deleted: deletions.length };
};

/**
 * Waits for every call also where one fails: a write that is still on its way when the same source is tried again, maybe
 * at a newer commit, could land after it and bring the older document back.
 */
const attemptAll = async (operations: readonly Operation[], options: CallOptions): Promise<readonly Problem[]> => {
  const settled = await Promise.allSettled(operations.map((operation) => attempt(operation.target, () => perform(operation, options))));
  return settled.flatMap((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
};
