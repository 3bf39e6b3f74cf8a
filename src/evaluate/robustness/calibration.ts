import type { CalibrationOf, RobustnessChange } from '../../report/index.ts'
import { bootstrap, mean, meanAt } from '../../statistics/index.ts'
import {
  bestTemperature,
  confidencesOf,
  equalMassCalibrationError,
  expectedCalibrationError,
  reliabilityBins,
} from '../metric/calibration-error.ts'
import { asLogits, brierScore, logLoss, softmax } from '../metric/probabilities.ts'
import type { ClassRows } from './class-rows.ts'

/** What the probabilities of each model are worth on labelled rows; a reason where nothing can be said. */
export function calibrationOf(
  models: readonly ClassRows[],
  options: { readonly alpha: number; readonly seed: number },
): readonly CalibrationOf[] | string {
  const usable = models[0]!.labels.flatMap((label, row) =>
    label >= 0 && models.every(({ scores }) => scores[row]!.every(Number.isFinite)) ? [row] : [],
  )
  if (usable.length === 0)
    return models[0]!.labels.some((label) => label >= 0)
      ? 'no row has finite class scores in every model'
      : 'no row has a class as its label'
  const labels = usable.map((row) => models[0]!.labels[row]!)
  const read = models.map(({ scores }) => {
    const logits = asLogits(usable.map((row) => scores[row]!))
    const probabilities = logits.map((row) => softmax(row))
    return {
      logits,
      brier: probabilities.map((row, i) => brierScore(row, labels[i]!)),
      nll: probabilities.map((row, i) => logLoss(row, labels[i]!)),
    }
  })
  return read.map(({ logits, brier, nll }, m) => {
    const confidences = confidencesOf(logits, labels)
    const best = bestTemperature(logits, labels)
    return {
      n: usable.length,
      ece: expectedCalibrationError(confidences),
      eceEqualMass: equalMassCalibrationError(confidences),
      brier: mean(brier),
      nll: mean(nll),
      temperature: best.temperature,
      nllAtTemperature: best.nll,
      eceAtTemperature: expectedCalibrationError(confidencesOf(logits, labels, best.temperature)),
      bins: reliabilityBins(confidences),
      changes:
        m === 0
          ? null
          : {
              brier: lossChange(read[0]!.brier, brier, options),
              nll: lossChange(read[0]!.nll, nll, options),
            },
    }
  })
}

/** Mean of base − other over paired losses: above 0 is better. */
function lossChange(
  base: readonly number[],
  other: readonly number[],
  { alpha, seed }: { readonly alpha: number; readonly seed: number },
): RobustnessChange {
  const differences = Float64Array.from(base, (value, i) => value - other[i]!)
  const drawn = bootstrap({
    rows: differences.length,
    statistic: (rows) => meanAt(differences, rows),
    seed,
    resamples: 2000,
    alpha,
  })
  return { delta: drawn.estimate, ci: drawn.ci }
}
