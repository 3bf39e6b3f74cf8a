import { type CandidateSpec, FORM_SECONDS, inspect } from '../recipe/index.ts'
import type { Budget } from './budget.ts'
import type { BuildsInTime } from './builds-in-time.ts'
import { mostlyProducts } from './mostly-products.ts'
import { dataFreeSpecs, hasRecurrent, placementSpecs, UNROUNDED } from './plan.ts'
import type { Pool } from './pool.ts'
import { FIRST_LOOKS, lookingSeconds, withinLooks } from './time-estimates.ts'
import type { Trial } from './trial.ts'

/** Share of the time that the first ranges may take. */
const FIRST_RANGES = 1 / 10
/** Share of the time that the choice between two forms of the float model may take. */
const FILLING = 1 / 20
/** Models that the first timings take, where every kind of candidate is built. */
const TIMED = 12

/** Which candidates of a search are built at first, and which are put off until these were looked at. */
export class Building {
  readonly #pool: Pool
  readonly #budget: Budget
  readonly #builds: BuildsInTime
  #postponed: readonly CandidateSpec[] = []
  #allTried = true

  constructor(pool: Pool, budget: Budget, builds: BuildsInTime) {
    this.#pool = pool
    this.#budget = budget
    this.#builds = builds
  }

  /** Whether something was put off that nobody has taken yet. */
  get postponed(): boolean {
    return this.#postponed.length > 0
  }

  /** Whether there was time to build every kind of candidate. */
  get allTried(): boolean {
    return this.#allTried
  }

  /** The lossless model, static integers in each placement, and what needs no ranges; of each kind one in a hurry. */
  async first(): Promise<void> {
    const { bench, goal, warnings } = this.#pool
    const hurry = this.#hurry
    bench.formSeconds = hurry ? 0 : this.#budget.timing(FORM_SECONDS, FILLING)
    if (hurry && bench.target === 'native' && (bench.inspection.operators.Conv ?? 0) > 0)
      this.#budget.leaveOut('whether channels filled to whole blocks pay')
    await this.#pool.build({ id: 'lossless', words: 'same answers from fewer operators' })
    if (await bench.isRounded()) await this.#pool.build(UNROUNDED)
    const parts = await bench.forProducts()
    const shapes = Object.fromEntries(bench.example.map(({ name, shape }) => [name, shape]))
    const layers = inspect(parts, { shapes })
    const calibrating = bench.rows.calibrate.indices.length > 0
    if (!calibrating) warnings.push('static int8 was not tried: there is no row to calibrate on')
    const products = await bench.hasProducts()
    if (!products)
      warnings.push(
        'static int8 was not tried: there is no convolution, product or recurrent layer outside of branches and loops',
      )
    const small = goal.name === 'size' || goal.maxBytes !== undefined
    // From histograms of a few rows every other choice is at hand; extremes alone are quicker, but of many rows.
    const recurrent = hasRecurrent(layers)
    const placements =
      calibrating && products ? placementSpecs({ recurrent, small, calibration: hurry ? 'mse' : 'minmax' }) : []
    const free = dataFreeSpecs(layers, small, bench.target)
    this.#postponed = await (hurry
      ? this.#inHurry(placements, free, { small, products: mostlyProducts(parts) })
      : this.#all(placements, free))
  }

  /** Takes what can be built and looked at within `seconds` of what was put off; where that is nothing, one is left out. */
  take(seconds: number): readonly CandidateSpec[] {
    const next = withinLooks(this.#postponed, this.#pool.bench.seen, seconds, this.#budget.rate('building'))
    const [first] = this.#postponed
    this.#postponed = this.#postponed.slice(Math.max(1, next.length))
    if (next.length === 0) {
      // What takes less may still fit.
      this.#budget.leaveOut(first!.id)
      this.#allTried = false
    }
    return next
  }

  /** Builds what was taken within `seconds`, or leaves it out. */
  taken(specs: readonly CandidateSpec[], seconds: number): Promise<readonly Trial[]> {
    return this.#build(specs, (some, most) => this.#builds.orLeaveOut(some, Math.min(most, seconds)))
  }

  /** Every kind; gives back what there was no time for, because the kernels of the model took so much of it. */
  async #all(placements: readonly CandidateSpec[], free: readonly CandidateSpec[]) {
    const seconds = FIRST_RANGES * this.#budget.seconds
    // By itself: for this one the kernels of the model are timed, and then known to all others.
    const [costed, rest] = [placements.slice(0, 1), placements.slice(1)]
    await this.#builds.inAnyCase(costed, seconds)
    const late = this.#late
    await this.#builds.inAnyCase(late ? free : [...rest, ...free], seconds)
    return late ? cheapFirst(rest) : []
  }

  /**
   * One of each kind, what surely takes little time first; gives back the others. Where most weights are those of
   * products, static integers come back to only when schemes without ranges are judged: reading ranges of a large model
   * may take all of the time.
   */
  async #inHurry(
    placements: readonly CandidateSpec[],
    free: readonly CandidateSpec[],
    { small, products }: { readonly small: boolean; readonly products: boolean },
  ) {
    const sure = small ? free : products ? ofEachScheme(free) : []
    const begun: CandidateSpec[] = []
    for (const spec of sure)
      if (begun.length === 0 || !this.#late) {
        begun.push(spec)
        await this.#build([spec])
      }
    const others = free.filter((spec) => !begun.includes(spec))
    if (products && begun.length > 0) return cheapFirst([...placements, ...others])
    return cheapFirst([...(await this.#one(cheapFirst(placements))), ...(small ? others : await this.#one(others))])
  }

  /**
   * Whether timing every kind of candidate and every kernel would take too much, as the first run shows, of the time that
   * is left beside the proof: else a long proof would leave none for ranges and mixtures.
   */
  get #hurry(): boolean {
    return lookingSeconds(this.#pool.bench.seen, TIMED, true) > FIRST_LOOKS * this.#budget.left
  }

  /** Whether so much of the time is over that what was built must be looked at. */
  get #late(): boolean {
    return this.#budget.elapsed > FIRST_LOOKS * this.#budget.seconds
  }

  /** Builds these, with ranges of fewer rows where those of all would take long. */
  async #build(
    specs: readonly CandidateSpec[],
    build: BuildsInTime['inAnyCase'] = (some, most) => this.#builds.inAnyCase(some, most),
  ): Promise<readonly Trial[]> {
    const seconds = FIRST_RANGES * this.#budget.seconds
    // By itself: for this one the kernels of the model are timed, and then known to all others.
    const first = specs.filter(({ measuredCosts }) => measuredCosts).slice(0, 1)
    const others = specs.filter((spec) => !first.includes(spec))
    return [...(await build(first, seconds)), ...(await build(others, seconds))]
  }

  /** The first that differs from what is there; what comes after it is given back. */
  async #one(specs: readonly CandidateSpec[]): Promise<CandidateSpec[]> {
    for (const [place, spec] of specs.entries())
      if ((await this.#build([spec])).length > 0) return specs.slice(place + 1)
    return []
  }
}

/** Those that need no costs of kernels, which are dear to see, before those that do; else in their order. */
const cheapFirst = (specs: readonly CandidateSpec[]): readonly CandidateSpec[] =>
  [...specs].sort((one, other) => Number(one.measuredCosts ?? false) - Number(other.measuredCosts ?? false))

/**
 * Of each scheme the first, and 4 bits for the largest products where reading these is most of the time; weights of 4 bits
 * throughout, which seldom stay close, are none that surely gain.
 */
const ofEachScheme = (specs: readonly CandidateSpec[]) =>
  specs.filter(
    ({ scheme, pass }, place) =>
      pass?.fourBitsFrom !== undefined ||
      (scheme !== 'weight-int4' && specs.findIndex((other) => other.scheme === scheme) === place),
  )
