export { rangeOfU8 } from './codes/affine.ts'
export { type ReadWindows, readWindows } from './codes/window-codes.ts'
export { type BorderProbe, borderCost, borderProbe } from './costs/border-costs.ts'
export { type CostProbes, costProbes, unitCosts } from './costs/unit-costs.ts'
export { unitSignatures } from './costs/unit-signatures.ts'
export { divideOutliers } from './dynamic/divide-outliers.ts'
export { quantizeDynamicInt8 } from './dynamic/quantize-dynamic-int8.ts'
export { convertFloat16 } from './float16/convert-float16.ts'
export { compareKernels, namedAsFound } from './kernels/compare-kernels.ts'
export { kernelRepairs } from './kernels/kernel-repairs.ts'
export { signRightCodes } from './kernels/sign-right-codes.ts'
export { blockModel, type ReconstructionBlock, reconstructionBlocks } from './learned/reconstruction-blocks.ts'
export { type RoundedValue, roundValues } from './learned/round-values.ts'
export {
  type RoundableWeight,
  type RoundableWeights,
  roundableBlocks,
  roundableStatic,
} from './learned/roundable-weights.ts'
export { roundingErrors } from './learned/rounding-errors.ts'
export { hardCodes, SOFT, softWeights, weightsOfCodes } from './learned/soft-weights.ts'
export { type TuningForm, tuningForm } from './learned/tuning-form.ts'
export { productSafety } from './portable.ts'
export { multiplyPixels } from './products/multiply-pixels.ts'
export { turnTables } from './products/turn-tables.ts'
export {
  calibrationChannels,
  calibrationValues,
  codeAhead,
  endedUnder,
  originsUnder,
  quantizeStaticInt8,
  type StaticInt8Options,
} from './static/quantize-static-int8.ts'
export { smoothInputs } from './static/smooth-inputs.ts'
export { GROUPS } from './weights/block-grid.ts'
export { codeBlocks } from './weights/code-blocks.ts'
export { momentValues, momentWindows, quantizeWeights, type WeightOptions } from './weights/quantize-weights.ts'
export { scaleWeightInputs } from './weights/scale-weight-inputs.ts'
export { type WidenedProducts, widenedProducts } from './weights/widened-products.ts'
