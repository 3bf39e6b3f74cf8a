import type { Model } from '../ir/index.ts'
import type { Pass } from '../rewrite/index.ts'
import { differentiatePass } from './differentiate/index.ts'
import * as layout from './layout/index.ts'
import * as prune from './prune/index.ts'
import * as quantize from './quantize/index.ts'
import * as restore from './restore/index.ts'
import { simplifyPasses } from './sequence.ts'

export { type ChannelProbe, channelProbes, type ProbedModel, type ProbePack } from './channel-probes.ts'
export {
  type Adversary,
  adversaryOf,
  behindAdversary,
  CONSTANT_NEARLY_EVERYWHERE,
  DIFFERENTIABLE,
  type DifferentiableOperator,
  type DifferentiateOptions,
  type Differentiation,
  differentiate,
  gradientRules,
  type Loss,
  type LossInput,
  withFactors,
} from './differentiate/index.ts'
export {
  addActivation,
  addTaylor,
  type ChannelGroup,
  type ChannelReader,
  channelGroups,
  channelReaders,
  chooseChannels,
  dropBlocks,
  leastMacs,
  type MaskableWeight,
  macsAfter,
  maskableWeights,
  masked,
  maskedForm,
  masksByPattern,
  masksByShare,
  narrowChannels,
  onHalfGrid,
  type PrunableChannels,
  pruneChannels,
  type ReaderEvidence,
  type Removal,
  residualBlocks,
  type SpareChannels,
  scaleImportance,
  spareChannels,
  type Unread,
  type WeightMasks,
  type WeightPattern,
  WINDOWS_PER_WEIGHT,
  weightImportance,
  withWeights,
} from './prune/index.ts'
export {
  type BorderProbe,
  blockModel,
  borderCost,
  borderProbe,
  type CostProbes,
  calibrationValues,
  codeAhead,
  codeBlocks,
  compareKernels,
  costProbes,
  endedUnder,
  GROUPS,
  hardCodes,
  momentValues,
  momentWindows,
  namedAsFound,
  originsUnder,
  productSafety,
  type ReadWindows,
  type ReconstructionBlock,
  type RoundableWeight,
  type RoundableWeights,
  type RoundedValue,
  rangeOfU8,
  readWindows,
  reconstructionBlocks,
  roundableBlocks,
  roundableStatic,
  roundValues,
  SOFT,
  type StaticInt8Options,
  softWeights,
  type TuningForm,
  tuningForm,
  unitCosts,
  unitSignatures,
  type WeightOptions,
  type WidenedProducts,
  weightsOfCodes,
  widenedProducts,
} from './quantize/index.ts'
export { float32Borders } from './restore/index.ts'
export { type RoundingProjections, roundingProjections } from './rounding-projections.ts'
export { simplifyPasses } from './sequence.ts'
export { SETTLE } from './settle.ts'

/** The passes that change answers within a margin. */
const lossy = [
  quantize.quantizeStaticInt8,
  ...quantize.kernelRepairs,
  quantize.quantizeDynamicInt8,
  quantize.scaleWeightInputs,
  quantize.smoothInputs,
  quantize.divideOutliers,
  quantize.quantizeWeights,
  quantize.convertFloat16,
]

/** What makes a float32 model, makes it smaller before it learns again, puts in what it learned, and stores zeros as bits. */
const pruning = [
  restore.narrowFloat64,
  prune.leaveOutBlocks,
  prune.halveGrid,
  prune.pruneChannels,
  prune.setWeights,
  prune.storeSparseWeights,
  prune.readSparseWeights,
]

/** What takes away the roundings of a file. */
const restoring = [restore.widenFloat16, restore.undoDynamicInt8, restore.undoQOperators, restore.undoStaticInt8]

/** The passes that make a model of float32 alone of one whose values are float16, or integers with ranges of each run. */
export const UNDO_EACH_RUN: readonly string[] = [restore.widenFloat16.id, restore.undoDynamicInt8.id]

/** The same of integers whose ranges are known beforehand as well. */
export const UNDO_ALL: readonly string[] = restoring.map(({ id }) => id)

/** Exact as well, but for the native kernels: elsewhere they gain nothing. They mend a model in this order. */
const nativeLayouts = [
  layout.linesAsPictures,
  layout.mirrorNarrowConvolutions,
  layout.convolveNormalizations,
  layout.averageInBlocks,
  layout.mishBySigmoid,
  layout.softplusBySigmoid,
  layout.eluByComparison,
  layout.powersByProducts,
  layout.slopesAsProducts,
  layout.splitBrokenJoints,
  layout.convolveParts,
  layout.resizeInBlocks,
  layout.resizeByProducts,
  layout.shiftInBlocks,
  layout.padInBlocks,
  layout.activateInBlocks,
  layout.lrnByWindow,
  layout.softmaxByChannels,
  // Behind what sums over channels are made of.
  layout.averageByProduct,
  layout.growByTiles,
  layout.splitNearestResize,
  layout.splitMaxPool,
  layout.tileNarrowOutputs,
  layout.sumBeforeNormalization,
  layout.reshapeUnitAxes,
  layout.moveRowsAtOnce,
  layout.moveAxesInTurn,
  layout.flattenProducts,
]

/** The same, but faster for some models or processors only: whether they pay is measured first. */
const measuredLayouts = [
  layout.fillChannelBlocks,
  layout.groupsInBlocks,
  layout.boundMaskedSoftmax,
  layout.foldSymmetricWindows,
  layout.growGates,
  layout.growInTiles,
]

/** Exact as well, but slower in float: for what static integers are made of. */
const integerLayouts = [layout.averageByConvolution]

/** The same, for whatever codes the weights of products. */
const productLayouts = [layout.partAttention]

/** The same, for what multiplies in integers with ranges of each run. */
const pixelLayouts = [quantize.multiplyPixels]

/** The same, for whatever multiplies in integers. */
const tableLayouts = [quantize.turnTables]

/** Options of `quantizeDynamicInt8` that leave all but recurrent layers to a static scheme beside it. */
export const RECURRENT_ONLY = { keepFloat: ['MatMul', 'Gemm'] } as const

/** What a float model is brought to before it is decided which native kernels shall run it. */
export const NATIVE_FORMS: readonly string[] = [
  layout.linesAsPictures.id,
  layout.mirrorNarrowConvolutions.id,
  'eliminateDeadCode',
]

/** What runs last on a float model that native kernels shall run. */
export const LAYOUT_REPAIRS: readonly string[] = [
  ...nativeLayouts.map(({ id }) => id),
  // Sizes that all of these ask for, and reshapes that meet where products follow each other.
  'foldShapeArithmetic',
  'shareSizes',
  'mergeReshapes',
  'eliminateDeadCode',
]

/** Of all these, what is told how many channels a block has where the model shall run. */
export const IN_BLOCKS: ReadonlySet<string> = new Set(
  [
    layout.fillChannelBlocks,
    layout.groupsInBlocks,
    layout.convolveNormalizations,
    layout.averageInBlocks,
    layout.slopesAsProducts,
    layout.splitBrokenJoints,
    layout.convolveParts,
    layout.resizeInBlocks,
    layout.shiftInBlocks,
    layout.padInBlocks,
    layout.activateInBlocks,
    layout.growByTiles,
    layout.tileNarrowOutputs,
    layout.growGates,
  ].map(({ id }) => id),
)

/** What a float model goes through before its weights are coded, so that those of its products are in sight. */
export const PRODUCT_FORMS: readonly string[] = productLayouts.map(({ id }) => id)

/** What it goes through behind that where products shall be integer, so that the weights of all of them are constants. */
export const TABLE_FORMS: readonly string[] = tableLayouts.map(({ id }) => id)

/** What it goes through where only products shall be integer, so that what is one by another name becomes one. */
export const PIXEL_FORMS: readonly string[] = [...pixelLayouts.map(({ id }) => id), 'cancelTransposes']

/** What a float model goes through before static integers are made of it, so that more of it has integer kernels. */
export const INTEGER_FORMS: readonly string[] = [
  layout.averageInBlocks.id,
  ...integerLayouts.map(({ id }) => id),
  layout.convolveNormalizations.id,
  'eliminateDeadCode',
]

/** Whole blocks of channels where integer convolutions of one channel each ask for them; run behind these. */
export const FILL_FOR_INTEGERS = { pass: layout.fillChannelBlocks.id, options: { integers: true } } as const

/** A float model with its slopes as what is handed out has them, whose kernels are to be timed. */
export const slopesAsRun = async (model: Model): Promise<Model> =>
  (await layout.slopesAsProducts.run(model, {}, [])).model

/** To be run before these: pictures that grow, in the form that integer kernels lay fastest. */
export const GROW_IN_INTEGERS = { pass: layout.growByTiles.id, options: { integers: true } } as const

/**
 * What runs last on a float model where it was measured to pay: masks without denormal numbers, which only some
 * processors are slow at, half the products of spectrograms, which pays for frames enough, and what grows without leaving its blocks.
 */
export const MEASURED_REPAIRS: readonly string[] = [
  layout.boundMaskedSoftmax.id,
  layout.foldSymmetricWindows.id,
  layout.growGates.id,
  layout.growInTiles.id,
  // Tiles that are laid at last.
  layout.moveAxesInTurn.id,
  // Whole windows that nothing reads any more.
  'eliminateDeadCode',
]

/** Whole blocks of channels; more of them are computed, so that it shows in the timing whether they pay. */
export const FILL_BLOCKS: readonly string[] = [
  layout.fillChannelBlocks.id,
  layout.groupsInBlocks.id,
  'eliminateDeadCode',
]

/** What runs behind static quantization, so that its kernels are the fastest ones, and those that stay in float. */
export const KERNEL_REPAIRS: readonly string[] = [...quantize.kernelRepairs.map(({ id }) => id), ...LAYOUT_REPAIRS]

/** Of these, what is right only where sums of two products never saturate: not for the portable target, nor where they do. */
export const SATURATING_REPAIRS: readonly string[] = [quantize.signRightCodes.id]

/** The same through what is joined, to be run before: whether that pays is a question of its own. */
export const FILL_JOINTS = { pass: layout.fillChannelBlocks.id, options: { joints: true } } as const

/** Every pass by its id: what a recipe may name. */
export const passes: Readonly<Record<string, Pass<never>>> = Object.fromEntries(
  [
    ...simplifyPasses,
    ...restoring,
    ...nativeLayouts,
    ...measuredLayouts,
    ...integerLayouts,
    ...productLayouts,
    ...pixelLayouts,
    ...tableLayouts,
    ...lossy,
    differentiatePass,
    ...pruning,
  ].map((pass) => [pass.id, pass]),
)
