import type { Feeds, Session, TensorValue } from '../../engine/index.ts'
import { isFloating } from '../../ir/index.ts'
import type { Equivalence } from '../../report/index.ts'
import { floatsOf, largestOf } from '../outputs/floats.ts'
import { decibelsOrNull } from './sqnr.ts'
import { type IsTie, type Leeway, LOSSLESS, type Tolerance, tieOf } from './tolerance.ts'

/** How far apart two models are at one output. */
export interface OutputEquivalence {
  readonly name: string
  readonly maxAbs: number
  /** Greatest |a − b| / max(|a|, |b|, a thousandth of the sample's largest |a|): zeros do not blow it up. */
  readonly maxRel: number
  /** 10·log10(Σa² / Σ(a − b)²) over all samples, within ±300; null where the outputs are identical. */
  readonly sqnrDb: number | null
  /** The first thing that is wrong, or null where every sample passed. */
  readonly mismatch: string | null
}

/** Whether two models give the same, and how far apart they are at each output. */
export interface EquivalenceResult {
  readonly equivalence: Equivalence
  readonly equal: boolean
  readonly outputs: readonly OutputEquivalence[]
  /** The output with the lowest SQNR, or the first mismatch; null where all are identical. */
  readonly worst: OutputEquivalence | null
}

interface Tally {
  maxAbs: number
  maxRel: number
  signal: number
  noise: number
  mismatch: string | null
}

/**
 * Runs both models on the same feeds and compares every output of `a`. Floating outputs must agree within the
 * tolerance, with NaN and infinities in the same places; all others must be equal exactly, except for choices between
 * scores that are as good. Both models must have the outputs of the same names and shapes.
 */
export async function measureEquivalence(
  a: Pick<Session, 'outputs' | 'run'>,
  b: Pick<Session, 'run'>,
  samples: Iterable<Feeds> | AsyncIterable<Feeds>,
  { tolerance = () => LOSSLESS, choices = new Map() }: Leeway = {},
): Promise<EquivalenceResult> {
  const names = a.outputs.map((output) => output.name)
  const scores = [...choices.values()].map((choice) => choice.scores)
  const fetch = scores.length > 0 ? [...new Set([...names, ...scores])] : undefined
  const tallies = new Map(names.map((name): [string, Tally] => [name, fresh()]))
  let count = 0
  for await (const feeds of samples) {
    // Both at once: in processes of their own they keep two cores busy.
    const [left, right] = await Promise.all([a.run(feeds, fetch), b.run(feeds)])
    for (const [name, tally] of tallies) {
      const choice = choices.get(name)
      const isTie = choice && tieOf(left[choice.scores]!, choice.axis, tolerance(name))
      const wrong = compareValue(left[name] as TensorValue, right[name], tolerance(name), tally, isTie)
      if (wrong !== null) tally.mismatch ??= `sample ${count}: ${wrong}`
    }
    count++
  }
  const outputs = [...tallies].map(([name, tally]): OutputEquivalence => {
    const { maxAbs, maxRel, mismatch } = tally
    return { name, maxAbs, maxRel, sqnrDb: decibelsOrNull(tally.signal, tally.noise), mismatch }
  })
  const least = outputs
    .filter((output) => output.sqnrDb !== null)
    .reduce<OutputEquivalence | null>(
      (low, o) => (low && (low.sqnrDb as number) <= (o.sqnrDb as number) ? low : o),
      null,
    )
  return {
    equivalence: {
      samples: count,
      maxAbs: Math.max(0, ...outputs.map((output) => output.maxAbs)),
      maxRel: Math.max(0, ...outputs.map((output) => output.maxRel)),
      sqnrDb: least?.sqnrDb ?? null,
    },
    equal: outputs.every((output) => output.mismatch === null),
    outputs,
    worst: outputs.find((output) => output.mismatch !== null) ?? least,
  }
}

const fresh = (): Tally => ({ maxAbs: 0, maxRel: 0, signal: 0, noise: 0, mismatch: null })

/** Adds one sample of one output to the tally; gives what is wrong with it, or null. */
function compareValue(
  a: TensorValue,
  b: TensorValue | undefined,
  tolerance: Tolerance,
  tally: Tally,
  isTie: IsTie | undefined,
): string | null {
  if (b === undefined) return 'the other model has no such output'
  if (a.dtype !== b.dtype) return `${a.dtype} became ${b.dtype}`
  if (a.dims.length !== b.dims.length || a.dims.some((dim, axis) => dim !== b.dims[axis]))
    return `shape [${a.dims.join(',')}] became [${b.dims.join(',')}]`
  return isFloating(a.dtype)
    ? compareFloats(floatsOf(a), floatsOf(b), tolerance, tally)
    : compareExactly(a, b, tally, isTie)
}

function compareFloats(
  a: Float32Array | Float64Array,
  b: Float32Array | Float64Array,
  tolerance: Tolerance,
  tally: Tally,
): string | null {
  // Asked for where something differs, which is seldom.
  let peak: number | undefined
  let wrong: string | null = null
  for (let i = 0; i < a.length; i++) {
    const x = a[i] as number
    const y = b[i] as number
    // Most are: finite where their difference is.
    if (x === y && x - y === 0) {
      tally.signal += x * x
      continue
    }
    if (!Number.isFinite(x) || !Number.isFinite(y)) {
      if (!Object.is(x, y)) wrong ??= `element ${i}: ${x} became ${y}`
      continue
    }
    const difference = Math.abs(x - y)
    tally.signal += x * x
    tally.noise += difference * difference
    if (difference === 0) continue
    if (difference > tally.maxAbs) tally.maxAbs = difference
    peak ??= largestOf(a)
    const scale = Math.max(Math.abs(x), Math.abs(y), peak * 1e-3)
    if (difference / scale > tally.maxRel) tally.maxRel = difference / scale
    const least = Math.max(tolerance.abs, (tolerance.peak ?? 0) * peak)
    if (difference > least + tolerance.rel * Math.abs(x)) wrong ??= `element ${i}: ${x} became ${y}`
  }
  return wrong
}

function compareExactly(a: TensorValue, b: TensorValue, tally: Tally, isTie: IsTie | undefined): string | null {
  let first = -1
  let differing = 0
  for (let i = 0; i < a.data.length; i++) {
    const x = a.data[i] as number | bigint | string
    const y = b.data[i] as number | bigint | string
    const known = typeof x !== 'string' && typeof y !== 'string'
    if (known) tally.signal += Number(x) ** 2
    if (x === y) continue
    if (!(known && isTie?.(i, Number(x), Number(y)))) {
      if (first < 0) first = i
      differing++
    }
    const difference = known ? Math.abs(Number(x) - Number(y)) : 1
    tally.noise += difference ** 2
    tally.maxAbs = Math.max(tally.maxAbs, difference)
    tally.maxRel = Math.max(
      tally.maxRel,
      known ? difference / Math.max(Math.abs(Number(x)), Math.abs(Number(y)), 1) : 1,
    )
  }
  if (differing === 0) return null
  return `${differing} of ${a.data.length} elements differ, first element ${first}: ${a.data[first]} became ${b.data[first]}`
}
