import type { RobustnessReport } from '../../report/index.ts'
import { delongPaired, randomSource } from '../../statistics/index.ts'
import { levelsOf } from '../metric/levels.ts'
import { areProbabilities, asLogits } from '../metric/probabilities.ts'
import { auroc, averagePrecision, falsePositiveRate } from '../metric/ranked-scores.ts'
import { argmax } from '../outputs/row-outputs.ts'
import type { ClassRows } from './class-rows.ts'
import { energy, mahalanobis, maximumSoftmax, nearestNeighbour } from './detectors.ts'

type Detectors = NonNullable<RobustnessReport['outOfDistribution']>['detectors']

/** One model's rows: those that fit the detectors, those that look like them, and those from elsewhere. */
interface OutSubject {
  readonly fit: ClassRows
  readonly inside: ClassRows
  readonly outside: ClassRows
}

/** Features of more numbers than this are projected onto this many random directions. */
const MOST_FEATURES = 256
const NEIGHBOURS = 5

/**
 * How well four detectors tell the rows of another data set, for every model, and the paired difference of the areas.
 * The scores that are ranked are the same rows' in every model.
 */
export function detectorScores(
  subjects: readonly OutSubject[],
  { alpha, seed }: { readonly alpha: number; readonly seed: number },
): Detectors {
  const scored = subjects.map((subject) => scoresOf(subject, seed))
  const insideCount = subjects[0]!.inside.scores.length
  const total = insideCount + subjects[0]!.outside.scores.length
  const isOut = Array.from({ length: total }, (_, i) => i >= insideCount)
  const isIn = isOut.map((out) => !out)
  return Object.keys(scored[0]!).map((name) => {
    const byModel = scored.map((scores) => scores[name]!)
    const usable = byModel.map((values) => values?.every((value) => !Number.isNaN(value)) ?? false)
    return {
      name,
      models: byModel.map((values, m) => {
        if (!values || !usable[m]) return null
        const outside = levelsOf(values, isOut)
        const inside = levelsOf(
          values.map((value) => -value),
          isIn,
        )
        return {
          auroc: auroc(outside),
          auprOut: averagePrecision(outside),
          fpr95OodPositive: falsePositiveRate(outside),
          fpr95IdPositive: falsePositiveRate(inside),
        }
      }),
      changes: byModel.map((values, m) => {
        if (m === 0 || !values || !usable[m] || !usable[0]) return null
        const few = insideCount < 2 || total - insideCount < 2
        if (few) return null
        const paired = delongPaired({ a: byModel[0]!, b: values, positive: isOut, alpha })
        return { delta: paired.difference, ci: paired.ci, p: paired.p }
      }),
    }
  })
}

/** Scores by detector, inside rows first; null where a detector cannot be had. */
function scoresOf(
  { fit, inside, outside }: OutSubject,
  seed: number,
): Readonly<Record<string, readonly number[] | null>> {
  const scores = [...fit.scores, ...inside.scores, ...outside.scores]
  const allLogits = asLogits(scores)
  const features = fit.features &&
    inside.features &&
    outside.features && [...fit.features, ...inside.features, ...outside.features]
  const vectors = features ?? allLogits
  const places = vectors.map(projector(vectors[0]?.length ?? 0, seed))
  const [fitted, space] = [places.slice(0, fit.scores.length), places.slice(fit.scores.length)]
  const logits = allLogits.slice(fit.scores.length)
  const finite = fitted.every((row) => row.every(Number.isFinite)) && fitted.length > NEIGHBOURS
  const classes = fit.labels.map((label, i) => (label >= 0 ? label : argmax(fit.scores[i]!)))
  const distance = finite ? mahalanobis(fitted, classes) : null
  const neighbour = finite ? nearestNeighbour(fitted, NEIGHBOURS) : null
  return {
    msp: logits.map(maximumSoftmax),
    // The sum of probabilities is 1 whatever the row: it says nothing.
    energy: areProbabilities(scores) ? null : logits.map((row) => energy(row)),
    mahalanobis: distance && space.map(distance),
    knn: neighbour && space.map((row) => neighbour(row)),
  }
}

/** Random ±1 directions keep distances to within a few percent (Achlioptas 2003), and make wide features affordable. */
function projector(size: number, seed: number): (row: Float64Array) => Float64Array {
  if (size <= MOST_FEATURES) return (row) => row
  const random = randomSource(seed)
  const signs = Int8Array.from({ length: size * MOST_FEATURES }, () => (random.uniform() < 0.5 ? -1 : 1))
  return (row) =>
    Float64Array.from({ length: MOST_FEATURES }, (_, k) => {
      let sum = 0
      for (let a = 0; a < size; a++) sum += signs[k * size + a]! * row[a]!
      return sum / Math.sqrt(MOST_FEATURES)
    })
}
