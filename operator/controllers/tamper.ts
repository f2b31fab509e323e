// SPDX-License-Identifier: Apache-2.0
// Somebody else changed what Writ stands on, and it was put right: counted, logged, and an event where people look. Nothing
// is decided by it; that it happens at all is what somebody must hear of.
import { decodeMarks } from '../../crds/marks.ts';
import type { EventRecorder, Regarding } from '../../kube/events.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { documentKey, marksOf } from '../../policies/currency/index.ts';

/** Of what is repaired; the metric knows these alone. */
export const repairedThings = [
  'webhook-configuration',
  'guard-configuration',
  'tenancy-configuration',
  'tenant-label',
  'marks',
  'inventory',
] as const;
export type RepairedThing = (typeof repairedThings)[number];

export type Tampering = { readonly what: RepairedThing; readonly regarding: Regarding; /** What was found. */ readonly found: string };

export type TamperTeller = (tampering: Tampering) => void;

export type TamperDeps = {
  readonly recorder: Pick<EventRecorder, 'record'>;
  readonly observe: (tampering: Tampering) => void;
};

export const createTamperTeller = ({ recorder, observe }: TamperDeps): TamperTeller => {
  let told = 0;
  return (tampering) => {
    const { what, regarding, found } = tampering;
    told += 1;
    observe(tampering);
    // Numbered, because the same thing said twice is not said again, and each of these is a deed of its own.
    const note = `${found}; it was put right (repair ${told} by this process): see in the API server's audit log who did it`;
    void recorder.record({ regarding, type: 'Warning', reason: 'TamperRepaired', note, action: `Repair${what}` });
  };
};

/** What a change of an object of ours looked like, for people. */
export const describeTampering = (title: string, what: string): string =>
  what === 'deleted' ? `${title} was deleted` : `${what} of ${title} was changed`;

type MarksChange = {
  readonly type: 'added' | 'updated' | 'deleted';
  readonly object: KubeObject;
  readonly previous?: KubeObject | undefined;
};

/** What somebody did to the marks, which only ever rise; undefined where nothing was lost. */
export const marksTampering = ({ type, object, previous }: MarksChange): string | undefined => {
  const { name } = object.metadata;
  if (type === 'deleted') return `ConfigMap ${name} was deleted`;
  const before = previous === undefined ? undefined : decodeMarks(previous);
  if (before === undefined) return undefined;
  const now = decodeMarks(object);
  if (now === undefined) return `ConfigMap ${name} was damaged`;
  const kept = marksOf(now);
  const lost = before.find((mark) => {
    const mine = kept.get(documentKey(mark));
    return mine === undefined || mine.version < mark.version || (mine.version === mark.version && mine.digest !== mark.digest);
  });
  return lost === undefined ? undefined : `the mark of ${documentKey(lost)} in ConfigMap ${name} was lowered`;
};
