import { type Feeds, inputsOf, leftUnseen, omittedOutputs } from '../../engine/index.ts'
import { CALIBRATION_ROWS, castNotes } from '../../evaluate/index.ts'
import type { Model } from '../../ir/index.ts'
import type { CalibrationReport, PassRun, QuantizationReport, Report } from '../../report/index.ts'
import { lostInputs } from '../lost-inputs.ts'
import type { FloatStart } from './float-start.ts'
import { keepsNothing } from './keep-float.ts'
import { LOOKED_AT, type ReadKernels } from './measure-quantized.ts'
import { noiseWarning } from './noise-warning.ts'
import { nothingDone } from './nothing-done.ts'
import type { QuantizeOptions } from './quantize-options.ts'
import { isLearned, learnsRoundings } from './quantized-trail.ts'
import { onlyRoundedBy } from './unseen-rows.ts'
import { widenedWarning } from './widened-warning.ts'

/** What a quantization came to, as far as there may be something to warn of. */
interface Outcome extends Pick<QuantizationReport, 'sqnrDb' | 'sqnrSamples' | 'layers'> {
  /** The model as it came. */
  readonly model: Model
  /** What was quantized: the same without the roundings that were undone. */
  readonly float: Model
  readonly quantized: Model
  /** A row that the quantized model was looked at with, where it was run. */
  readonly row: Feeds | undefined
  /** Outputs whose rows depended on the rows beside them before. */
  readonly dependedBefore: readonly string[]
  readonly unrounded: FloatStart['unrounded']
  /** Names that were to stay in float and that the lossless passes took away. */
  readonly gone: readonly string[]
  /** What is said of lossless passes that changed answers of this model. */
  readonly leftOut: readonly string[]
  readonly evidence: readonly Report[]
  /** What the scheme's own pass said, and every pass that ran. */
  readonly run: PassRun
  readonly passes: readonly PassRun[]
  /** Whether integers stand wherever they can, though by their usual costs none pays. */
  readonly everywhere: boolean
  readonly kernels: ReadKernels
  /** Against float, where that is the only proof of what the kernels are worth. */
  readonly timing: QuantizationReport['timing'] | undefined
}

/** What a user of the model should know; the order is that of the report. */
export function quantizationWarnings(outcome: Outcome, options: QuantizeOptions): readonly string[] {
  const { model, run, passes, evidence, timing } = outcome
  const { scheme, data } = options
  return [
    ...outcome.kernels.warnings,
    ...noiseWarning({ ...outcome, scheme }),
    ...(onlyRoundedBy(options, LOOKED_AT) ? [SEEN_ALREADY] : []),
    ...slower(timing),
    ...ownDependence(outcome.dependedBefore),
    ...widenedWarning(outcome.quantized, outcome.row, options.target),
    ...evidence.flatMap((report) => (report.kind === 'calibration' ? unseen(report) : [])),
    ...(evidence.some(keptNothing) ? [NOTHING_LEARNED] : []),
    ...(evidence.some(keptSums) ? [SUMS_STAY] : []),
    ...(scheme === 'static-int8' ? fewRows(options) : []),
    ...(outcome.everywhere && run.applied > 0 ? [NOT_FASTER] : []),
    ...(learnsRoundings(options) && !passes.some(isLearned) ? [NOT_NEARER] : []),
    ...(options.smooth && !passes.some(smoothes) ? [NOT_SMOOTHED] : []),
    ...(options.divideOutliers && !passes.some(divides) ? [NOT_DIVIDED] : []),
    ...(run.applied === 0 ? [nothingDone(outcome.float, run)] : []),
    ...(outcome.unrounded === 'none' ? [] : [ROUNDED_BEFORE[outcome.unrounded]]),
    ...outcome.leftOut,
    ...lostInputs(model, outcome.quantized),
    ...outcome.gone.map(keepsNothing),
    ...leftUnseen(omittedOutputs(model)),
    ...(data ? castNotes(inputsOf(model), data) : []),
    ...(data?.notes ?? []),
  ]
}

const SEEN_ALREADY =
  'the noise was measured on rows that the weights were rounded by, and other rows lose more: give more rows than these, or say fewer with --samples'

const NOT_FASTER =
  'by their usual costs float is as fast for every node here; integers stand everywhere since they were asked for'

const NOT_NEARER = 'learned roundings left the outputs no nearer to the float model: those that balance sums stay'

const NOTHING_LEARNED =
  'learned roundings left the outputs no nearer to the float model in any part: the usual ones stay'

const keptNothing = (report: Report): boolean =>
  report.kind === 'learned-weights' && report.blocks.length > 0 && report.blocks.every(({ kept }) => kept === 'nearest')

/** Whether convolutions were looked at and are not rounded by it after all. */
const keptSums = (report: Report): boolean =>
  report.kind === 'moments' && report.judged !== undefined && report.windows === undefined

const SUMS_STAY =
  'rounding convolutions by what they read left the outputs no nearer to the float model: codes whose errors cancel in sums stay'

const smoothes = ({ id, applied }: PassRun): boolean => id === 'smoothInputs' && applied > 0

const NOT_SMOOTHED =
  'smoothing changed nothing: it moves outlier channels that matrix products read, where a normalization, a Mul or a product in front can take their scales; between convolutions channels are equalised (--equalise)'

const divides = ({ id, applied }: PassRun): boolean => id === 'divideOutliers' && applied > 0

/** Said of dynamic integers for which channels were to be divided. */
export const NOT_DIVIDED =
  'no channels were divided: it needs rows, and a matrix product that reads a few channels far larger than the others'

const AGAINST = 'what is measured here is against float32; whet compare shows both against each other'
const UNDONE = `that was undone first, and ${AGAINST}`

const ROUNDED_BEFORE = {
  'each run': `the file rounds its values in each run (float16, bfloat16, or integers with ranges of their own): ${UNDONE}`,
  all: `the file came in integers that are not portable, since two neighbours may leave 16 bits: ${UNDONE}`,
  float64: `the file multiplies in float64, for which there are no such kernels: it was made float32 first, and ${AGAINST}`,
} as const

const slower = (timing: Outcome['timing']): readonly string[] =>
  timing && timing.ratio.ci[0] > 1
    ? [
        `slower than float in ${timing.runtime}: ${timing.p50Ms.toFixed(2)} ms against ${timing.floatP50Ms.toFixed(2)} ms`,
      ]
    : []

const ownDependence = (names: readonly string[]): readonly string[] =>
  names.length === 0
    ? []
    : [
        `it is not the rounding that makes a row's answer depend on the rows beside it: in float it does too (${names.join(', ')})`,
      ]

const unseen = ({ unseen }: CalibrationReport): readonly string[] =>
  unseen.length === 0
    ? []
    : [`${unseen.length} values could not be calibrated, the first: ${unseen[0]!.name} (${unseen[0]!.reason})`]

/** Ranges of few rows cut off what other rows would have shown. */
function fewRows({ data, indices, samples = CALIBRATION_ROWS }: QuantizeOptions): readonly string[] {
  const rows = indices?.length ?? data?.rows ?? 0
  return rows < Math.min(samples, CALIBRATION_ROWS)
    ? [`calibrated on ${rows} rows, all that there are; ${CALIBRATION_ROWS} are usual`]
    : []
}
