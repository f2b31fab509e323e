// SPDX-License-Identifier: Apache-2.0
/**
 * Crossfire: the people of two tenants send random requests at once, and every answer is judged.
 *
 * In: people, what each tenant has, a seed. Out: what was wrong, and how many shots of each aim got which status. A shot comes from the seed and
 * its number alone, so that a finding can be fired again. Three things are wrong: an answer that shows a word or a uid of the other tenant
 * (read), one of success where none may be (written, or counted: a collection that is more than one tenant's tells how much there
 * is even where it is empty), and one that tells what is there from what is not.
 */
import { randomOf } from '../../fuzz/random.ts';
import type { Field, Target } from './field.ts';
import type { Person, Reply } from './person.ts';
import { aimedShot } from './shots.ts';
import type { Aim, Aimed } from './shots.ts';
import type { ServedKind } from '../access.ts';

export type Army = {
  readonly people: readonly Person[];
  readonly target: Target;
  /** What nobody else may be shown. */
  readonly words: readonly string[];
};

export type Finding = { readonly number: number; readonly who: string; readonly shot: Aimed; readonly reply: Reply; readonly why: string };

export type Outcome = {
  readonly findings: readonly Finding[];
  /** Shots by aim, then by status. */
  readonly answers: Readonly<Record<Aim, Readonly<Record<string, number>>>>;
};

export type Crossfire = {
  readonly armies: readonly [Army, Army];
  /** Whoever is in no tenant: what they are granted, everybody may know. */
  readonly stranger: Person;
  readonly served: readonly ServedKind[];
  readonly seed: number;
  readonly shots: number;
  readonly inFlight: number;
};

const succeeded = ({ status }: Reply): boolean => status >= 200 && status < 300;

export const fire = async (crossfire: Crossfire): Promise<Outcome> => {
  const { armies, served, seed, shots } = crossfire;
  const findings: Finding[] = [];
  const answers: Record<Aim, Record<string, number>> = { own: {}, cross: {}, wide: {}, smuggled: {} };
  const one = async (number: number): Promise<void> => {
    // Numbers that follow each other give choices that do, until they are mixed.
    const random = randomOf(Math.imul(seed + number, 0x9e3779b1));
    random.below(2);
    const [mine, other] = random.below(2) === 0 ? armies : ([armies[1], armies[0]] as const);
    const person = mine.people[random.below(mine.people.length)];
    if (person === undefined) throw new Error('a tenant without people');
    const field: Field = { served, own: mine.target, other: other.target };
    const shot = aimedShot(random, field);
    const reply = await person.send(shot);
    answers[shot.aim][reply.status] = (answers[shot.aim][reply.status] ?? 0) + 1;
    const why = await faultOf({ shot, reply, words: other.words, stranger: crossfire.stranger });
    if (why !== undefined) findings.push({ number, who: person.name, shot, reply, why });
  };
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let number = next++; number < shots; number = next++) await one(number);
  };
  await Promise.all(Array.from({ length: crossfire.inFlight }, worker));
  return { findings, answers };
};

const faultOf = async (judged: {
  readonly shot: Aimed;
  readonly reply: Reply;
  readonly words: readonly string[];
  readonly stranger: Person;
}): Promise<string | undefined> => {
  const { shot, reply, words } = judged;
  // What was sent comes back in refusals, so a word counts only where it was not in the question.
  const asked = `${shot.path}${shot.body ?? ''}`;
  const shown = words.find((word) => reply.body.includes(word) && !asked.includes(word));
  if (shown !== undefined) return `it shows ${shown}`;
  if (succeeded(reply) && shot.never) return 'it was granted';
  if (succeeded(reply) && shot.aim === 'wide' && !succeeded(await judged.stranger.send(shot)))
    return 'it was granted, and would not be to everybody';
  if (shot.aim === 'cross' && reply.status !== 403) return `${reply.status} tells what is there from what is not`;
  return undefined;
};

export const describeFindings = ({ findings }: Outcome, seed: number): string =>
  findings
    .slice(0, 10)
    .map(
      ({ number, who, shot, reply, why }) =>
        `seed ${seed} shot ${number}: ${who} ${shot.method} ${shot.path} ${shot.body ?? ''}: ${why}: ${reply.status} ${reply.body.slice(0, 300)}`,
    )
    .join('\n');
