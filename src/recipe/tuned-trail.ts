import type { Dataset } from '../data/index.ts'
import { CALIBRATION_ROWS } from '../evaluate/index.ts'
import { type Model, type NumericArray, tensorValues } from '../ir/index.ts'
import { placeOf } from '../onnx/index.ts'
import { rangeOfU8, type StaticInt8Options, type TuningForm, tuningForm } from '../passes/index.ts'
import { UserError } from '../platform/index.ts'
import type { CalibrationReport, CostsReport, LearnedWeightsReport } from '../report/index.ts'
import { trainableWeights } from '../train/index.ts'
import { channelsOf } from './evidence/channels.ts'
import { type EvidenceCache, noCache } from './evidence/evidence-cache.ts'
import { blockOn, curvesOn, saturatesOn } from './evidence/processor.ts'
import { rangesOf } from './evidence/ranges.ts'
import { float32Inside } from './float32-form.ts'
import { goneFromFloat } from './quantize/keep-float.ts'
import type { QuantizeOptions } from './quantize/quantize-options.ts'
import { quantizeSteps } from './quantize/quantize-steps.ts'
import { runsOn } from './runs-on.ts'
import { losslessTrail, readyFor, unroundedTrail } from './simplify.ts'
import { TensorStore } from './tensor-refs.ts'
import { advanceAll, type Trail } from './trail.ts'
import { type Learned, type LearnSettings, learn } from './train/learn.ts'
import { learningGoal } from './train/learning-goal.ts'
import { askTeacher } from './train/learning-rows.ts'

/** Settings of tuning for integers, beside those of every training. */
export interface TuneSettings extends LearnSettings {
  readonly label?: string | undefined
  /** Node names or operator names that stay in float. */
  readonly keepFloat?: readonly string[] | undefined
  /** Further options of `quantizeStaticInt8`, such as `placement`. */
  readonly pass?: Readonly<Record<string, unknown>> | undefined
  /** Measured costs of the nodes in float and in integers, where they decide the placement. */
  readonly costs?: CostsReport | null | undefined
  readonly cache?: EvidenceCache | undefined
}

/** The integer model that was learned, and what it is compared with. */
export interface TunedTrail {
  /** From the file to the integer model: lossless passes, trained weights, static int8 with learned scales. */
  readonly trail: Trail
  /** Tensors that its evidence refers to, by digest. */
  readonly tensors: ReadonlyMap<string, NumericArray>
  readonly learned: Learned
  readonly scales: { readonly values: number; readonly weights: number }
  readonly teacherBytes: number
  /** Names that were to stay in float and that the lossless passes took away. */
  readonly gone: readonly string[]
  /** The same scheme without tuning. */
  readonly plain: Trail
}

/** The highest learning rate, by default: weights are nearly right already, and scales move by shares of themselves. */
const DEFAULT_RATE = 5e-4

/**
 * Trains a float model to become a good static int8 one: values and weights are rounded under scales that learn (LSQ,
 * Esser et al. 2020), and weights and biases learn with them, towards the answers of the float model and labels where
 * there are some. The static int8 pass then writes the trained weights under the learned scales. Learns on
 * `rows.train`, chooses the epoch on `rows.select`.
 *
 * @throws UserError where nothing becomes integer, and as `learn`.
 */
export async function tuneStaticInt8(
  model: Model,
  data: Dataset,
  rows: { readonly train: readonly number[]; readonly select: readonly number[] },
  options: TuneSettings,
): Promise<TunedTrail> {
  const { seed = 0, signal, onProgress, cache = noCache } = options
  const looking = { indices: rows.train, samples: CALIBRATION_ROWS, cache, signal }
  const { start, gone } = await startOf(model, options)
  const ranges = await rangesOf(start.model, data, 'minmax', looking)
  const costs = options.costs ? [options.costs] : []
  const quantizing = await quantizingOf(start.model, options, cache)
  const [quantize, ...repairs] = quantizeSteps({ ...quantizing, rounding: 'learned' }, [ranges, ...costs])
  const form = tuningForm(
    start.model,
    quantize.options as StaticInt8Options,
    [ranges, ...costs].map((report) => ({ report })),
    (value) => ranges.ranges[value]?.elements ?? 1,
  )
  if (form.weights.length === 0) throw nothingToTune(model, data, ranges)
  const goal = await learningGoal(start.model, form.model, data, options.label)
  const asking = { open: options.open, signal, onProgress }
  const answers = await askTeacher(start.model, goal, data, [...rows.train, ...rows.select], asking)
  const floats = trainableWeights(start.model).filter((name) => form.model.graph.initializers.has(name))
  const learned = await learn(form.model, {
    ...options,
    teacher: start.model,
    goal,
    answers,
    data,
    rows,
    seed,
    rate: options.rate ?? DEFAULT_RATE,
    wrt: [...floats, ...form.factors.keys()],
    factors: form.factors,
  })
  const { report, tensors, values } = await evidenceOf(learned.model, form, floats, data, rows.train.length)
  const weights = { report, tensors }
  const trail = await advanceAll(start, [
    { pass: 'setWeights', options: { weights: values }, evidence: [weights] },
    {
      ...quantize,
      evidence: [
        { report: learnedRanges(ranges, learned.model, form) },
        weights,
        ...costs.map((report) => ({ report })),
      ],
    },
    ...repairs,
  ])
  const channels = await channelsOf(start.model, data, looking)
  const plain = await advanceAll(start, quantizeSteps(quantizing, [ranges, channels, ...costs]))
  return {
    trail,
    tensors,
    learned,
    plain,
    gone,
    teacherBytes: answers.bytes,
    scales: {
      values: form.values.filter(({ logScale }) => logScale).length,
      weights: form.weights.reduce((sum, { scales }) => sum + scales.length, 0),
    },
  }
}

/** The float model that learns, and the names that were to stay in float but are gone from it. */
async function startOf(
  model: Model,
  options: TuneSettings,
): Promise<{ readonly start: Trail } & Pick<TunedTrail, 'gone'>> {
  const float = await float32Inside(model, await losslessTrail(model))
  const start = await readyFor(await unroundedTrail(float, 'each run'), options)
  return { start, gone: goneFromFloat(options.keepFloat ?? [], model, start.model) }
}

/** How the model is quantized, tuned or not. */
async function quantizingOf(
  model: Model,
  { keepFloat, pass }: TuneSettings,
  cache: EvidenceCache,
): Promise<QuantizeOptions> {
  const saturates = await saturatesOn(await runsOn('native'), cache)
  const block = await blockOn('native', model, cache)
  const curves = await curvesOn('native', model, cache)
  // What learning lets grow would saturate: weights that never do, whatever they learn.
  const held = saturates ? { ...pass, target: 'portable' } : pass
  return { scheme: 'static-int8', keepFloat, pass: held, saturates, block, curves }
}

/** Why no node of a model becomes integer under these ranges, and what helps. */
function nothingToTune(model: Model, data: Dataset, { unseen: [unseen] }: CalibrationReport): UserError {
  if (unseen)
    return new UserError('bad-data', 'the rows give no ranges to start from, so nothing can become integer', {
      where: `${data.path}, ${unseen.name}: ${unseen.reason}`,
      hint: data.notes.at(-1) ?? 'mend the rows, or leave out those that do not fit',
    })
  return new UserError('unsupported', 'nothing in this model can become integer, so there is nothing to tune', {
    where: placeOf(model) ?? 'the model',
    hint: 'integers go where they are faster; --everywhere puts them also where float is as fast',
  })
}

const numbersOf = (model: Model, name: string) => tensorValues(model.graph.initializers.get(name)!) as Float32Array

/** The trained weights and their learned scales, as the passes take them, and the weights' digests by name. */
async function evidenceOf(
  tuned: Model,
  form: TuningForm,
  floats: readonly string[],
  data: Dataset,
  samples: number,
): Promise<{
  readonly report: LearnedWeightsReport
  readonly tensors: TensorStore['tensors']
  readonly values: Readonly<Record<string, string>>
}> {
  const store = new TensorStore()
  const scaled = new Map(form.weights.map((weight) => [weight.name, weight]))
  const weights: Record<string, LearnedWeightsReport['weights'][string]> = {}
  const values: Record<string, string> = {}
  for (const name of floats) {
    const { dims } = tuned.graph.initializers.get(name)!
    const ref = store.keep(numbersOf(tuned, name).slice(), dims)
    values[name] = ref.digest
    const own = scaled.get(name)
    const logs = own && numbersOf(tuned, own.logScales)
    const scales = logs && own.scales.map((scale, c) => scale * Math.exp(logs[c]!))
    weights[name] = { values: ref, ...(scales ? { scales: store.keep(scales, [scales.length]) } : {}) }
  }
  return {
    values,
    tensors: store.tensors,
    report: {
      kind: 'learned-weights',
      version: 1,
      samples,
      dataDigest: await data.digest(),
      weights,
      blocks: [],
      left: [],
    },
  }
}

/** The ranges that codes under the learned scales reach. */
function learnedRanges(before: CalibrationReport, tuned: Model, form: TuningForm): CalibrationReport {
  const ranges = { ...before.ranges }
  for (const { name, codes, logScale } of form.values) {
    if (!logScale) continue
    const scale = Math.fround(codes.scale * Math.exp(numbersOf(tuned, logScale)[0]!))
    ranges[name] = { ...ranges[name], ...rangeOfU8({ scale, zeroPoint: codes.zeroPoint }) }
  }
  return { ...before, method: 'learned', ranges }
}
