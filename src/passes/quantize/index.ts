export { type Affine, rangeOfU8 } from './affine.ts'
export { type BorderProbe, borderCost, borderProbe } from './costs/border-costs.ts'
export { type CostProbes, costProbes, unitCosts } from './costs/unit-costs.ts'
export { unitSignatures } from './costs/unit-signatures.ts'
export { type DivideOutliersOptions, divideOutliers } from './dynamic/divide-outliers.ts'
export { type DynamicInt8Options, quantizeDynamicInt8 } from './dynamic/quantize-dynamic-int8.ts'
export { convertFloat16, type Float16Options } from './float16/convert-float16.ts'
export { compareKernels, type KernelMismatch, namedAsFound } from './kernels/compare-kernels.ts'
export { kernelRepairs } from './kernels/kernel-repairs.ts'
export { signRightCodes } from './kernels/sign-right-codes.ts'
export { blockModel, type ReconstructionBlock, reconstructionBlocks } from './learned/reconstruction-blocks.ts'
export { type RoundedValue, type RoundedValues, roundValues } from './learned/round-values.ts'
export {
  type RoundableWeight,
  type RoundableWeights,
  roundableBlocks,
  roundableStatic,
} from './learned/roundable-weights.ts'
export { type RoundingError, roundingErrors } from './learned/rounding-errors.ts'
export { hardCodes, SOFT, type SoftWeights, softWeights, weightsOfCodes } from './learned/soft-weights.ts'
export { type TunedWeight, type TuningForm, tuningForm } from './learned/tuning-form.ts'
export { type ProductSafety, productSafety } from './portable.ts'
export {
  calibrationChannels,
  calibrationValues,
  codeAhead,
  originsUnder,
  quantizeStaticInt8,
  type StaticInt8Options,
} from './static/quantize-static-int8.ts'
export { type SmoothOptions, smoothInputs } from './static/smooth-inputs.ts'
export { quantizeRules } from './units/quantize-rules.ts'
export { GROUPS } from './weights/block-grid.ts'
export { type BlockTask, codeBlocks } from './weights/code-blocks.ts'
export { momentValues, momentWindows, quantizeWeights, type WeightOptions } from './weights/quantize-weights.ts'
export { type ScaleInputsOptions, scaleWeightInputs } from './weights/scale-weight-inputs.ts'
export { type WidenedProducts, widenedProducts } from './weights/widened-products.ts'
export { type ReadWindows, readWindows } from './window-codes.ts'
