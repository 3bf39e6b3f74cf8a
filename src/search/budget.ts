import type { Meter, Work } from '../recipe/index.ts'

/** Most of the time that is kept for the proof; where all rows are too few for one, they tell of noise, and some as much. */
const MOST_KEPT = 0.4
const MOST_KEPT_FOR_NOISE = 0.15
/** Finalists that the time must be enough for, beside the lossless model. */
export const FEWEST_FINALISTS = 2
/** What the last timing, of the chosen model alone, may take of the time. */
export const CONFIRMING = 1 / 12
/** What the report, which profiles two models, may keep of the time. */
const MOST_CLOSING = 0.1
/** By so much of its time a search may go beyond it for a proof that is likelier to pass by that, or for one more candidate where none stays close. */
const OVERTIME = 1 / 2
/** By so much of its time a search may go beyond it for a further finalist, or for what is told in the end. */
export const LATE = 0.1
/** What takes less of the time than this is told in any case. */
const LITTLE = 0.02
/** Share of the time that the proof may take in any case: so little is saved by fewer rows. */
const LEAST_PROVING = 1 / 10
/** Candidates of a kind that are judged even when the time is up, until one may be handed out. */
export const ALWAYS_JUDGED = 3
/** The longest that one timing may take, in seconds, and of the time. */
const LONGEST_TIMING = 20
const TIMING_SHARE = 1 / 6
/** Share of the time that timing new candidates side by side may take, for each of them and for all. */
const ONE_CANDIDATE = 1 / 24
const SIDE_BY_SIDE = 1 / 10
/** Share of what is left that one refinement may take, so that something is left for those behind it. */
const REFINING = 1 / 2
/** The same where none comes behind it: what it gives must be built and judged. */
const LAST_REFINING = 3 / 4
/** Share of the time that must be left for what may help, before what surely does. */
const PLENTY = 1 / 2
/** What a unit is thought to take counts as much as so many that were done: the first ones are those of models just opened. */
const THOUGHT = 32
/** So much of a piece of work shows how long the whole of it takes. */
const SHOWN = 1 / 16
/** What was begun and is slower than it looked may take so much longer before it is given up after all. */
const GRACE = 0.5

/** Work was given up, because it would take longer than it may. */
export class TooLong extends Error {
  readonly work: Work
  /** Seconds that the whole of it was foretold to take. */
  readonly seconds: number
  /** The part of it that would have fitted. */
  readonly share: number

  constructor(work: Work, seconds: number, granted: number) {
    super(`internal: ${work} would take ${seconds.toFixed(1)} s`)
    this.work = work
    this.seconds = seconds
    this.share = granted / seconds
  }

  /** `64 s to measure the histograms`. */
  get words(): string {
    return `${this.seconds.toFixed(0)} s to measure the ${this.work}`
  }
}

/**
 * The time of a search. What work will take is foretold from what work of the same kind took in this very search, by the
 * unit, so that what does not fit is not begun; and what was not begun is told in the end. The proof comes last and is
 * sure to come, so time for it is kept from the start.
 */
export class Budget {
  readonly seconds: number
  readonly #now: () => number
  readonly #started: number
  readonly #seen = new Map<Work, { seconds: number; units: number }>()
  /** When a unit of a work was last done, whoever did it: what is done side by side takes its time together. */
  readonly #last = new Map<Work, number>()
  readonly #assumed = new Map<Work, number>()
  readonly #leftOut: string[] = []
  #granted: number | null = null
  #proofRows = 0
  #mostKept = MOST_KEPT
  /** Seconds that the original takes for each of them. */
  #answering = 0
  #nothingBehind = false
  /** Seconds that what is told in the end is thought to take. */
  #telling = 0

  constructor(milliseconds: number, now: () => number = () => performance.now()) {
    this.seconds = milliseconds / 1000
    this.#now = now
    this.#started = now()
  }

  /** Counts the units of work as they are done; gives up what exceeds its grant as soon as that shows. */
  readonly meter: Meter = (work) => {
    let first: { readonly at: number; readonly done: number } | undefined
    let before = 0
    let look = SHOWN
    return (done, of) => {
      const at = this.#now() / 1000
      const since = this.#last.get(work) ?? at
      this.#last.set(work, at)
      // What comes before the first units are done is opening and warming up. Counting begins anew where rows are read
      // once more for what the first reading left, such as values that were not finite.
      if (!first || done <= before) {
        first = { at, done }
        before = done
        return
      }
      const seen = this.#seen.get(work) ?? { seconds: 0, units: 0 }
      this.#seen.set(work, { seconds: seen.seconds + at - since, units: seen.units + done - before })
      before = done
      if (this.#granted === null || done < look * of || done >= of) return
      const granted = this.#granted * (look === SHOWN ? 1 : 1 + GRACE)
      while (look * of <= done) look *= 2
      const whole = ((at - first.at) / (done - first.done)) * of
      if (whole > granted) throw new TooLong(work, whole, granted)
    }
  }

  /**
   * From now on time is kept for proofs on so many rows, each of which the original answers once in `answering` seconds
   * and which to judge is thought to take `judging` seconds until it shows, and so many for what is told in the end;
   * `canProve` tells whether so many rows prove anything where no answer changes.
   */
  keepForProof(
    rows: number,
    {
      answering,
      judging,
      canProve = true,
    }: { readonly answering: number; readonly judging: number; readonly canProve?: boolean },
    closing: number,
  ): void {
    this.#proofRows = rows
    this.#mostKept = canProve ? MOST_KEPT : MOST_KEPT_FOR_NOISE
    this.#answering = answering
    this.#telling = closing
    this.#assumed.set('judging', judging)
  }

  /**
   * Seconds for the rows of proofs, in front of the last timing and of the report, when the models are open after
   * `opening` seconds: what is left of the time, and this share of it beyond.
   */
  leftToProve(opening = 0, overtime = OVERTIME): number {
    const granted = this.seconds * (1 + overtime - CONFIRMING)
    return Math.max(LEAST_PROVING * this.seconds, granted - this.#closing - this.elapsed - opening)
  }

  /** Whether what is told in the end, beside the answer, would take the search well beyond its time. */
  get late(): boolean {
    return this.#telling > LITTLE * this.seconds && this.elapsed + this.#telling > (1 + LATE) * this.seconds
  }

  /** Seconds that are kept for it. */
  get #closing(): number {
    return Math.min(MOST_CLOSING * this.seconds, this.#telling)
  }

  get elapsed(): number {
    return (this.#now() - this.#started) / 1000
  }

  /** Seconds for everything but the proof. */
  get left(): number {
    const proofs = this.#nothingBehind ? 1 : 1 + FEWEST_FINALISTS
    const proving = this.#proofRows * (this.#answering + proofs * this.rate('judging'))
    return (
      this.seconds * (1 - CONFIRMING) - this.#closing - Math.min(this.#mostKept * this.seconds, proving) - this.elapsed
    )
  }

  /** Seconds that one refinement may take. */
  get refining(): number {
    return (this.#nothingBehind ? LAST_REFINING : REFINING) * this.left
  }

  /** From now on no more is kept than the proof of what comes next, behind which nothing comes. */
  spendOnLast(): void {
    this.#nothingBehind = true
  }

  /** Whether there is time for what may help, before what surely does. */
  get plenty(): boolean {
    return this.left > PLENTY * this.seconds
  }

  /** Seconds that a unit of this work takes; 0 where none was done yet and nothing is thought of it. */
  rate(work: Work): number {
    const { seconds, units } = this.#seen.get(work) ?? { seconds: 0, units: 0 }
    const thought = this.#assumed.get(work)
    const [allSeconds, allUnits] =
      thought === undefined ? [seconds, units] : [seconds + THOUGHT * thought, units + THOUGHT]
    return allUnits > 0 ? allSeconds / allUnits : 0
  }

  /** What a timing may take, in seconds: less than `most` where little time was given in all. */
  timing(most = LONGEST_TIMING, share = TIMING_SHARE): number {
    return Math.min(most, this.seconds * share)
  }

  /** The same for so many new candidates side by side with the original: each alone must not take as long as all at once. */
  timingOf(candidates: number, most?: number): number {
    return this.timing(most, Math.min(SIDE_BY_SIDE, Math.max(1, candidates) * ONE_CANDIDATE))
  }

  /** So many rows can be judged in `seconds`; without end where nothing is known of them. */
  affordableRows(seconds: number): number {
    const rate = this.rate('judging')
    return seconds <= 0 ? 0 : Math.floor(seconds / rate)
  }

  /** What `work` gives with at most so many seconds for each piece of metered work in it, or which takes too long. */
  async granting<T>(seconds: number, work: () => Promise<T>): Promise<T | TooLong> {
    this.#granted = Math.max(0, seconds)
    try {
      return await work()
    } catch (error) {
      if (error instanceof TooLong) return error
      throw error
    } finally {
      this.#granted = null
    }
  }

  /** Takes down what was not begun for want of time. */
  leaveOut(what: string): void {
    if (!this.#leftOut.includes(what)) this.#leftOut.push(what)
  }

  /** Takes back that something was not begun. */
  takeUp(what: string): void {
    if (this.#leftOut.includes(what)) this.#leftOut.splice(this.#leftOut.indexOf(what), 1)
  }

  /** That the search took far longer than it was given, in one sentence; null where it did not. */
  get overrun(): string | null {
    if (this.elapsed <= (1 + OVERTIME) * this.seconds) return null
    return `the search took ${inSeconds(this.elapsed)} where ${inSeconds(this.seconds)} were given: opening and timing the model, building one candidate of a kind and proving on a few rows are never left out`
  }

  /** What was not begun, in the order in which the search came to it. */
  get leftOut(): readonly string[] {
    return this.#leftOut
  }

  /** That something was not begun, in one sentence; null where there was time for everything. */
  get warning(): string | null {
    const left = this.#leftOut.length
    if (left === 0) return null
    return `the time was not enough for everything: the same command goes on from there and may choose another candidate; ${left === 1 ? 'one thing was' : `${left} things were`} left out, which the report lists`
  }
}

/** Seconds in words, to three figures. */
const inSeconds = (seconds: number): string => `${Number(seconds.toPrecision(3))} s`

/**
 * All of `whole`, or a quarter of it, or a quarter of that …: the largest that is not above `most`, and at least
 * `fewest`. In steps as coarse as these, differences of the clock hardly ever move it.
 */
export function quarteredWithin(whole: number, most: number, fewest: number): number {
  let count = whole
  while (count > most && count / 4 >= fewest) count /= 4
  return count
}
