import type { ByteTensor } from '../../engine/index.ts'
import type { Pair } from '../../rollout/index.ts'
import type { Run } from '../model/batcher.ts'
import type { Outcome } from '../router.ts'
import { type Answer, answerOf, disagreementOf, lossOf } from './answers.ts'

type Role = 'base' | 'candidate'

/** The client's doing, or the server's own choice of what to drop: says nothing of a version. */
const NOBODYS_FAULT = new Set(['cancelled', 'timeout', 'too-many'])

interface Joined {
  readonly pair: Pair
  readonly base: Outcome
  readonly candidate: Outcome
}

/**
 * Brings the two outcomes of one request together. They share the array of inputs, and nothing else is unique: clients
 * may use one id for many requests. A half whose other half never comes (a shadow that was dropped) is forgotten with
 * its request.
 */
export class Pairing {
  /** Runs whose time has been compared. */
  readonly #timed = new WeakSet<Run>()
  readonly #halves = new WeakMap<object, { readonly role: Role; readonly outcome: Outcome }>()

  join(role: Role, outcome: Outcome): Joined | null {
    const half = this.#halves.get(outcome.inputs)
    if (!half || half.role === role) {
      // Until its other half comes, which may be never.
      outcome.hold()
      this.#halves.set(outcome.inputs, { role, outcome })
      return null
    }
    this.#halves.delete(outcome.inputs)
    const [base, candidate] = role === 'base' ? [outcome, half.outcome] : [half.outcome, outcome]
    for (const { error } of [base, candidate]) if (error && NOBODYS_FAULT.has(error.code)) return null
    if (saysNothing(base)) return null
    const failed = (outcome: Outcome) => outcome.outputs === null
    return {
      base,
      candidate,
      pair: {
        disagreement: base.outputs && candidate.outputs ? disagreementOf(base.outputs, candidate.outputs) : 0,
        baseFailed: failed(base),
        candidateFailed: failed(candidate),
        ...this.#times(base.run, candidate.run),
      },
    }
  }

  /**
   * Each run says once how long it took, however many requests shared it: told by every one of them, one slow run would
   * pass for many. Shadows wait and so come in larger runs; a row gets no dearer by company, so the candidate's run with
   * as many rows as the baseline's would have taken at least its share.
   */
  #times(base: Run | null, candidate: Run | null): Pick<Pair, 'baseMs' | 'candidateMs'> {
    if (!base || !candidate || this.#timed.has(base) || this.#timed.has(candidate))
      return { baseMs: null, candidateMs: null }
    this.#timed.add(base).add(candidate)
    return { baseMs: base.ms, candidateMs: candidate.ms * Math.min(1, base.rows / candidate.rows) }
  }
}

/**
 * Whether there is nothing to compare: nothing was asked (no rows), or there was no answer to an input without elements.
 * A list of finds may be empty as an answer to a picture, and the first token of a text has no past.
 */
function saysNothing({ inputs, outputs }: Outcome): boolean {
  const isEmpty = ({ dims }: ByteTensor) => dims.includes(0)
  if (!inputs.some(isEmpty)) return false
  return inputs.every(isEmpty) || (outputs?.every(isEmpty) ?? false)
}

/** The truth about a row, or about each row of a request. */
export type Label = number | string | readonly (number | string)[]

interface Waiting {
  readonly base: Answer | null
  readonly candidate: Answer | null
  readonly failed: { readonly base: boolean; readonly candidate: boolean }
}

/** Answers and labels that wait for one another; the oldest are forgotten first. */
const MOST_ANSWERS = 100_000
const MOST_LABELS = 10_000
/** And how many values they may hold together, of eight bytes each: a request may have thousands of rows. */
const VALUES_OF_ANSWERS = 1 << 24
const VALUES_OF_LABELS = 1 << 22

/** Joins labels, which come later or before the shadow has answered, with the answers of both versions. */
export class LabelJoin {
  /** null: the id was used twice, and nobody can say which request a label means. */
  readonly #answers = new Recent<Waiting | null>(MOST_ANSWERS, VALUES_OF_ANSWERS, valuesOfWaiting)
  readonly #labels = new Recent<Label>(MOST_LABELS, VALUES_OF_LABELS, valuesOfLabel)

  /** Loss of the candidate minus that of the baseline where the label is there already; else null. */
  answered(key: string, { base, candidate }: Joined): number | null {
    if (this.#answers.has(key)) {
      this.#answers.set(key, null)
      return null
    }
    const waiting: Waiting = {
      base: base.outputs && answerOf(base.outputs),
      candidate: candidate.outputs && answerOf(inOrderOf(base.outputs ?? [], candidate.outputs)),
      failed: { base: base.outputs === null, candidate: candidate.outputs === null },
    }
    this.#answers.set(key, waiting)
    const label = this.#labels.get(key)
    if (label === undefined) return null
    this.#labels.delete(key)
    return this.#judge(key, waiting, label)
  }

  /** The same for a label that comes now; `waiting` where its pair is not there (yet), `unusable` where it never fits. */
  labelled(key: string, label: Label): number | 'waiting' | 'unusable' {
    const waiting = this.#answers.get(key)
    if (waiting === null) return 'unusable'
    if (waiting === undefined) {
      this.#labels.set(key, label)
      return 'waiting'
    }
    return this.#judge(key, waiting, label) ?? 'unusable'
  }

  /** A label counts once: the answers are forgotten with it, and the id stays taken. */
  #judge(key: string, { base, candidate, failed }: Waiting, label: Label): number | null {
    this.#answers.set(key, null)
    const labels = typeof label === 'object' ? label : [label]
    const loss = (answer: Answer | null, failed: boolean) => (failed ? 1 : answer && lossOf(answer, labels))
    const [before, after] = [loss(base, failed.base), loss(candidate, failed.candidate)]
    return before === null || after === null ? null : after - before
  }
}

/** The outputs that both have in the order of the baseline's: a label is held against the same one of both. */
function inOrderOf(base: readonly ByteTensor[], outputs: readonly ByteTensor[]): readonly ByteTensor[] {
  const shared = base.flatMap(({ name }) => outputs.filter((output) => output.name === name))
  return [...shared, ...outputs.filter((output) => !shared.includes(output))]
}

const valuesOf = (rows: readonly unknown[]): number =>
  rows.reduce<number>((sum, one) => sum + (typeof one === 'string' ? 1 + one.length / 4 : 1), 0)
const valuesOfLabel = (label: Label) => valuesOf(typeof label === 'object' ? label : [label])
const valuesOfWaiting = (waiting: Waiting | null) =>
  valuesOf(waiting?.base?.rows ?? []) + valuesOf(waiting?.candidate?.rows ?? [])

/** Entries by their keys, the oldest going first: at most so many, with at most so many values together. */
class Recent<V> {
  readonly #entries = new Map<string, { readonly value: V; readonly values: number }>()
  readonly #most: number
  readonly #mostValues: number
  readonly #valuesOf: (value: V) => number
  #values = 0

  constructor(most: number, mostValues: number, valuesOf: (value: V) => number) {
    this.#most = most
    this.#mostValues = mostValues
    this.#valuesOf = valuesOf
  }

  has(key: string): boolean {
    return this.#entries.has(key)
  }

  get(key: string): V | undefined {
    return this.#entries.get(key)?.value
  }

  /** It is the youngest from now on. */
  set(key: string, value: V): void {
    this.delete(key)
    const values = this.#valuesOf(value)
    this.#entries.set(key, { value, values })
    this.#values += values
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#most && this.#values <= this.#mostValues) break
      this.delete(oldest)
    }
  }

  delete(key: string): void {
    this.#values -= this.#entries.get(key)?.values ?? 0
    this.#entries.delete(key)
  }
}
