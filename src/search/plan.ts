import { CALIBRATION_ROWS } from '../evaluate/index.ts'
import { type CandidateSpec, MATRIX_PRODUCTS } from '../recipe/index.ts'
import type { InspectionReport, RangeMethod, Target } from '../report/index.ts'

/** In the order in which they are tried: the cheap ones first. */
const CALIBRATIONS: readonly RangeMethod[] = ['minmax', 'percentile', 'mse', 'most-rows', 'least-noise']
/** How far channels get scales of their own, where whole values under one scale are too noisy. */
const EQUALISATIONS = [0.5, 1]
/** What SmoothQuant found best for most transformers. */
const SMOOTHING = 0.5

/**
 * Where one row is multiplied, which is reading weights: each block costs a scale and a sum, and a product of fewer
 * weights takes 0.6 to 0.8 µs more in codes than in float (128×128 at one row 7.3 and 7.9 µs as a whole model,
 * 192×192 8.4 and 8.6, 768×192 12.1 and 9.5, in blocks of 32 10.3).
 */
const WIDE = { block: 256, fewest: 32_768 } as const

/**
 * From so many weights a product of one row is tried in 4 bits: it takes as long as reading them takes (in blocks of 256,
 * 8 and 4 bits, processor time on a busy machine: 512×512 15 and 14 µs, 1024×1024 29 and 26, 2048×2048 97 and 65,
 * 9600×2048 1,340 and 430).
 */
const LARGE = 1_048_576
/** Multiply-accumulates for each parameter from which a model multiplies many rows: 4 bits are none of its gain then. */
const MANY_ROWS = 16

const WORDS: Readonly<Record<RangeMethod, string>> = {
  'least-noise': 'for each value the ranges that disturb the outputs least',
  minmax: 'full ranges',
  percentile: '99.99 % of the values',
  mse: 'ranges of least squared error',
  'most-rows': 'ranges that hold nineteen rows of twenty',
  entropy: 'ranges of least information loss',
}

interface Placement {
  readonly id: string
  readonly words: string
  readonly pass: { readonly placement: string; readonly weightBits?: 4 }
  readonly measuredCosts?: boolean
  /** For models with recurrent layers, which become integer as well. */
  readonly recurrent?: boolean
  /** Only where a smaller file is asked for: the kernels and their time are those of eight bits. */
  readonly small?: boolean
}

/** How far integers may spread. The formulas stay in the race: they know no bad moment of this machine. */
const PLACEMENTS: readonly Placement[] = [
  { id: 'int8', words: 'where integers pay here', pass: { placement: 'balanced' }, measuredCosts: true },
  { id: 'int8-typical', words: 'where integers mostly pay', pass: { placement: 'balanced' } },
  { id: 'int8-products', words: 'products only', pass: { placement: 'products' } },
  { id: 'int8-everywhere', words: 'everywhere', pass: { placement: 'everywhere' } },
  {
    id: 'int8-recurrent',
    words: 'where integers pay here and in recurrent layers',
    pass: { placement: 'balanced' },
    measuredCosts: true,
    recurrent: true,
  },
  {
    id: 'int8-products-recurrent',
    words: 'in products and recurrent layers',
    pass: { placement: 'products' },
    recurrent: true,
  },
  {
    id: 'int8-weights4',
    words: 'where integers pay here, with 4-bit weights',
    pass: { placement: 'balanced', weightBits: 4 },
    measuredCosts: true,
    small: true,
  },
  {
    id: 'int8-everywhere-weights4',
    words: 'everywhere, with 4-bit weights',
    pass: { placement: 'everywhere', weightBits: 4 },
    small: true,
  },
]

/** The model in float32, where the file rounds its values or multiplies in float64. */
export const UNROUNDED: CandidateSpec = {
  id: 'float32',
  words: 'lossless, then float32 throughout, without the roundings that the file makes, or for its float64',
  unrounded: true,
}

/** Whether the model has layers that `recurrent` placements make integer. */
export const hasRecurrent = ({ operators }: InspectionReport): boolean =>
  (operators.LSTM ?? 0) + (operators.GRU ?? 0) > 0

/** One candidate for each placement; the calibration hardly changes the time, so one method stands for all. */
export function placementSpecs({
  recurrent = false,
  small = false,
  calibration = 'minmax',
}: {
  readonly recurrent?: boolean
  readonly small?: boolean
  readonly calibration?: RangeMethod
} = {}): readonly CandidateSpec[] {
  return PLACEMENTS.filter((one) => (recurrent || !one.recurrent) && (small || !one.small)).map((placement) =>
    staticSpec(placement, calibration),
  )
}

/** The other calibrations of a placement that turned out fast. */
export function calibrationSpecs(spec: CandidateSpec): readonly CandidateSpec[] {
  const placement = PLACEMENTS.find(({ id }) => id === spec.placement)
  if (!placement) throw new Error(`internal: ${spec.id} is no placement`)
  return CALIBRATIONS.filter((method) => method !== spec.calibration).map((method) => staticSpec(placement, method))
}

/** The candidate with full ranges, which take the least time to find; as it is where it has no ranges. */
export const withExtremes = (spec: CandidateSpec): CandidateSpec =>
  spec.scheme === 'static-int8' && spec.calibration !== 'minmax'
    ? calibrationSpecs(spec).find(({ calibration }) => calibration === 'minmax')!
    : spec

/** The candidate with ranges from at most so many rows; as it was where it took no more. */
export const onRows = (spec: CandidateSpec, samples: number): CandidateSpec =>
  spec.scheme !== 'static-int8' || (spec.samples ?? CALIBRATION_ROWS) <= samples
    ? spec
    : { ...spec, words: `${spec.words}, from ${samples} rows`, samples }

/** The candidate with channels under scales of their own, to several degrees. */
export function equalisedSpecs(spec: CandidateSpec): readonly CandidateSpec[] {
  return EQUALISATIONS.map((equalise) => ({
    ...spec,
    id: `${spec.id}-equal${equalise}`,
    words: `${spec.words}, each channel ${equalise === 1 ? 'under' : 'half of the way to'} a scale of its own, which the weights around it take up`,
    pass: { ...spec.pass, equalise },
  }))
}

/** The candidate with outlier channels moved into weights, where products read them. */
export const smoothedSpec = (spec: CandidateSpec): CandidateSpec => ({
  ...spec,
  id: `${spec.id}-smooth${SMOOTHING}`,
  words: `${spec.words}, outlier channels moved into weights`,
  smooth: SMOOTHING,
})

/** Dynamic integers with channels of outliers brought down to others in front of products, or multiplied by themselves. */
export const outliersSpec = (spec: CandidateSpec): CandidateSpec => ({
  ...spec,
  id: `${spec.id}-outliers`,
  words: `${spec.words}, channels of outliers divided in front of them or multiplied in float`,
  outliersDivided: true,
})

const ROUNDINGS = {
  gptq: 'each weight rounded to make up for the ones before it',
  learned: 'weights rounded up or down as was learned from the calibration rows',
} as const

/** The candidate with weights rounded as the calibration rows decide. */
export const roundedSpec = (spec: CandidateSpec, rounding: keyof typeof ROUNDINGS): CandidateSpec => ({
  ...spec,
  id: `${spec.id}-${rounding}`,
  words: `${spec.words}, ${ROUNDINGS[rounding]}`,
  rounding,
})

/**
 * The candidate with what disturbs most for the time it saves left in float, to keep the noise within a budget.
 *
 * @param spec The candidate with all in integers, also for a mixture that is quieter than another.
 * @param measuredCosts Whether the time is what kernels take here; false: what formulas say.
 */
export function withNoise(spec: CandidateSpec, noiseBudget: number, measuredCosts: boolean): CandidateSpec {
  const decibels = (-10 * Math.log10(noiseBudget)).toFixed(1)
  return {
    ...spec,
    id: `${spec.id}-quiet${decibels}`,
    words: `${spec.words}, float where it costs least, until the roundings, each foretold alone, add up to ${decibels} dB`,
    mixtureOf: spec.id,
    measuredCosts,
    // Few digits: the budget is part of the recipe, and nothing hangs on more.
    noiseBudget: Number(noiseBudget.toPrecision(4)),
  }
}

function staticSpec({ id, words, ...how }: Placement, calibration: RangeMethod): CandidateSpec {
  return {
    id: `${id}-${calibration}`,
    words: `lossless, then static int8 ${words}, ${WORDS[calibration]}`,
    scheme: 'static-int8',
    placement: id,
    calibration,
    ...how,
  }
}

/** Whether its largest products may be mostly the reading of their weights: a few rows each. */
const readsWeights = ({ parameters, macs }: InspectionReport): boolean =>
  parameters >= LARGE && (macs === null || macs < MANY_ROWS * parameters)

/**
 * Schemes that need no ranges, where the model has operators for them and something can be gained: with `small`, by a
 * smaller file alone.
 */
export function dataFreeSpecs(inspection: InspectionReport, small: boolean, target: Target): readonly CandidateSpec[] {
  const has = (...names: readonly string[]) => names.some((name) => (inspection.operators[name] ?? 0) > 0)
  const specs: CandidateSpec[] = []
  if (has(...MATRIX_PRODUCTS))
    specs.push(
      { id: 'dynamic-int8', words: 'lossless, then dynamic int8 products', scheme: 'dynamic-int8' },
      {
        id: 'dynamic-int8-one-scale',
        words: 'lossless, then dynamic int8 products with one scale for all weights of each',
        scheme: 'dynamic-int8',
        pass: { oneScale: true },
      },
      // In float the native kernel widens all weights of 8 bits in every run: 2048×2048 takes twelve times as long.
      ...(target !== 'web'
        ? ([
            {
              id: 'weight-int8-wide',
              words: `lossless, then 8-bit weights in blocks of ${WIDE.block} in large products, what these read rounded to 8 bits`,
              scheme: 'weight-int8',
              pass: { accuracyLevel: 4, ...WIDE },
            },
            {
              id: 'weight-int8',
              words: 'lossless, then 8-bit weights, what products read rounded to 8 bits',
              scheme: 'weight-int8',
              pass: { accuracyLevel: 4 },
            },
            ...(readsWeights(inspection)
              ? ([
                  {
                    id: 'weight-int4-large',
                    words: `lossless, then 4-bit weights in the largest products, 8-bit ones in other large products, in blocks of ${WIDE.block}, what these read rounded to 8 bits`,
                    scheme: 'weight-int8',
                    pass: { accuracyLevel: 4, ...WIDE, fourBitsFrom: LARGE },
                  },
                ] as const)
              : []),
          ] as const)
        : [{ id: 'weight-int8', words: 'lossless, then 8-bit weights', scheme: 'weight-int8' } as const]),
      { id: 'weight-int4', words: 'lossless, then 4-bit weights in blocks of 32', scheme: 'weight-int4' },
    )
  // Stored small and widened at load: these win on size alone, the kernels stay those of float.
  if (small && has('Conv', 'ConvTranspose', 'Gather', 'LSTM', 'GRU', 'RNN'))
    specs.push({
      id: 'weight-int4-stored',
      words: 'lossless, then 4-bit weights, those of convolutions stored so, of tables and recurrent layers in 8 bits',
      scheme: 'weight-int4',
      pass: { stored: true },
    })
  if (small)
    specs.push(
      {
        id: 'weight-int8-stored',
        words: 'lossless, then weights stored in 8 bits',
        scheme: 'weight-int8',
        pass: { products: 'stored' },
      },
      { id: 'float16', words: 'lossless, then weights stored in half precision', scheme: 'float16' },
    )
  return specs
}
