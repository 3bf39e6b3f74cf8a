import { type Feeds, type Fetched, openIsolated, type Session } from '../../engine/index.ts'
import { measureEquivalence } from '../../evaluate/index.ts'
import type { Model } from '../../ir/index.ts'
import { placeOf } from '../../onnx/index.ts'
import { UserError } from '../../platform/index.ts'
import type { Equivalence } from '../../report/index.ts'
import { LEAN } from '../lean.ts'
import type { OpenSessions } from '../open-sessions.ts'
import { together } from '../together.ts'
import { sameToOwnRounding } from './own-rounding.ts'
import { randomSamples, rowSamples, type SampleOptions } from './samples.ts'

/** A rewrite that must change no answer changed one beyond what roundings do, or left none: never an output. */
export class AnswersChanged extends Error {
  /** What it did: which output it changed, and by how much, or why the runtime does not take what it made. */
  readonly deed: string

  constructor(deed: string) {
    super(`internal: a lossless pass ${deed}; please report the model`)
    this.deed = deed
  }
}

/** The fault of a rewrite, where the runtime refuses what it made of a model that it takes; any other error as it is. */
const blamed = (error: unknown): unknown =>
  error instanceof UserError && REFUSALS.has(error.code)
    ? new AnswersChanged(`made a model that the runtime does not take (${error.message})`)
    : error

/** Codes of a model that the runtime does not load, has no kernels for, or stops in; no memory is another matter. */
const REFUSALS: ReadonlySet<string> = new Set(['bad-model', 'unsupported', 'bad-data'])

/** What waits for a rewritten model, which is to blame for a failure only where the `original` has none. */
async function orBlamed<T>(rewritten: Promise<T>, original: Promise<unknown> | unknown): Promise<T> {
  try {
    return await rewritten
  } catch (error) {
    await original
    throw blamed(error)
  }
}

/** What a rewrite is proven on where rows are there, and other proofs follow: each sample is a run of either model. */
export const FEW_SAMPLES = { real: 2, random: 1 } as const

/** The measured equivalence of two models that must be equal; `AnswersChanged` names the output where they are not. */
export async function proveEqual(before: Model, after: Model, options: SampleOptions): Promise<Equivalence> {
  const base = openIsolated(before, LEAN)
  try {
    return await proveEqualTo(base, before, after, options)
  } finally {
    await closeOpened(base)
  }
}

/** The same with a session of `before` that is open already, or opening; it is left open. */
export async function proveEqualTo(
  before: Session | Promise<Session>,
  original: Model,
  after: Model,
  options: SampleOptions,
): Promise<Equivalence> {
  const opening = openIsolated(after, LEAN)
  try {
    const [base, candidate] = await together(before, orBlamed(opening, before))
    return await proveSame(expectedOf(base, { ...options, model: original }), candidate, original)
  } finally {
    await closeOpened(opening)
  }
}

const closeOpened = (opening: Promise<Session>) =>
  opening.then(
    (session) => session.close(),
    () => {},
  )

/** What a model answers: the samples that a rewrite of it is proven on, and the answers, perhaps still on their way. */
export interface Expected {
  /** The rows of the data among the samples: they are known before random ones were tried. */
  readonly rows: Promise<readonly Feeds[]>
  /** All samples, the rows first. */
  readonly feeds: Promise<readonly Feeds[]>
  readonly outputs: Session['outputs']
  /** Each is let go when it is compared. */
  readonly answers: Map<Feeds, Promise<Fetched>>
}

/** An answer on its way, perhaps of what a model that gave an `original` one became; who waits hears of a failure. */
function answering(session: Pick<Session, 'run'>, sample: Feeds, original?: Promise<Fetched>): Promise<Fetched> {
  const run = session.run(sample)
  const answer = original ? orBlamed(run, original) : run
  answer.catch(() => {})
  return answer
}

/** Asks a model for its answers, all at once: what they are compared with need not be there yet. */
export function expectedOf(base: Session, options: SampleOptions): Expected {
  const answers: Expected['answers'] = new Map()
  const ask = (sample: Feeds) => {
    const answer = answering(base, sample)
    answers.set(sample, answer)
    return answer
  }
  // A trial run of random samples is their answer, too; one that the model refuses is no sample.
  const trying: Session = {
    ...base,
    run(feeds) {
      const answer = ask(feeds)
      answer.catch(() => answers.delete(feeds))
      return answer
    },
  }
  const rows = rowSamples(base, { ...options, onReal: ask })
  const feeds = rows.then(async (known) => {
    const random = await randomSamples(trying, options, known)
    for (const sample of random) if (!answers.has(sample)) ask(sample)
    return [...known, ...random]
  })
  // Who waits for them hears of a failure.
  feeds.catch(() => {})
  return { rows, feeds, outputs: base.outputs, answers }
}

/** The same for a session of what `before` became, against what that one answered. */
async function proveSame(expected: Expected, candidate: Session, before: Model): Promise<Equivalence> {
  const { outputs, answers } = expected
  const base = {
    outputs,
    run(sample: Feeds) {
      const answer = answers.get(sample)
      if (!answer) throw new Error('internal: a sample that nobody asked the original about')
      answers.delete(sample)
      return answer
    },
  }
  const asked = new Map<Feeds, Promise<Fetched>>()
  const ask = (samples: readonly Feeds[]) => {
    for (const sample of samples)
      if (!asked.has(sample)) asked.set(sample, answering(candidate, sample, answers.get(sample)))
  }
  // Asked at once, too: it answers the rows while the original tries random inputs, and the next sample while this
  // process compares one.
  const rows = await expected.rows
  ask(rows)
  const feeds = await expected.feeds
  ask(feeds)
  const other = {
    run(sample: Feeds) {
      const answer = asked.get(sample)!
      asked.delete(sample)
      return answer
    },
  }
  const all = await measureEquivalence(base, other, feeds)
  const steady = all.equal ? feeds : await repeated(before, feeds, rows.length)
  const strict = steady === feeds ? all : await comparedAnew(before, candidate, steady)
  const { equal, equivalence, worst } = strict.equal
    ? strict
    : ((await sameToOwnRounding(before, candidate, steady)) ?? strict)
  if (!equal) throw new AnswersChanged(`changed output "${worst?.name}": ${worst?.mismatch}`)
  return { ...equivalence, realSamples: rows.length }
}

/** The lossless model must answer as the original did. Its process is taken when what goes `before` it has ended. */
export async function proveLossless(
  sessions: OpenSessions,
  lossless: Model,
  original: Model,
  expecting: Promise<Expected>,
  before?: Promise<unknown>,
): Promise<void> {
  const opening = sessions.open(lossless, { after: before })
  const tried = expecting.then(({ feeds }) => feeds)
  tried.catch(() => {})
  const [expected, session] = await together(expecting, orBlamed(opening, tried))
  await proveSame(expected, session, original)
  await sessions.close(opening)
}

/**
 * The samples on which a second run gives the same answers: all of them, or the `real` ones alone, for what rows hold
 * constant (a noise scale of 0, say) random inputs may not.
 */
async function repeated(model: Model, feeds: readonly Feeds[], real: number): Promise<readonly Feeds[]> {
  const session = await openIsolated(model, LEAN)
  try {
    const repeats = async (some: readonly Feeds[]) => (await measureEquivalence(session, session, some)).equal
    const rows = feeds.slice(0, real)
    if (await repeats(rows)) {
      if (await repeats(feeds.slice(real))) return feeds
      if (real > 0) return rows
    }
  } finally {
    await session.close()
  }
  throw new UserError('unsupported', 'it answers the same inputs differently from run to run', {
    where: placeOf(model) ?? 'the model',
    hint: 'it draws random numbers, with a seed other ones in each run of a session: export it without those operators, or give data with which they draw none (a noise scale of 0), so that a rewrite can be shown to keep the answers',
  })
}

/** A model against a session of another on these samples. */
async function comparedAnew(before: Model, candidate: Pick<Session, 'run'>, feeds: readonly Feeds[]) {
  const session = await openIsolated(before, LEAN)
  try {
    return await measureEquivalence(session, candidate, feeds)
  } finally {
    await session.close()
  }
}
