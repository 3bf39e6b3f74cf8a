export { type Affine, rangeOfU8 } from './affine.ts'
export { GROUPS } from './block-grid.ts'
export { type BlockTask, codeBlocks } from './code-blocks.ts'
export { compareKernels, type KernelMismatch, namedAsFound } from './compare-kernels.ts'
export { convertFloat16, type Float16Options } from './convert-float16.ts'
export { kernelRepairs } from './kernel-repairs.ts'
export { type ProductSafety, productSafety } from './portable.ts'
export { type DynamicInt8Options, quantizeDynamicInt8 } from './quantize-dynamic-int8.ts'
export { quantizeRules } from './quantize-rules.ts'
export {
  calibrationChannels,
  calibrationValues,
  codeAhead,
  quantizeStaticInt8,
  type StaticInt8Options,
} from './quantize-static-int8.ts'
export { momentValues, quantizeWeights, type WeightOptions } from './quantize-weights.ts'
export { blockModel, type ReconstructionBlock, reconstructionBlocks } from './reconstruction-blocks.ts'
export { type RoundedValue, type RoundedValues, roundValues } from './round-values.ts'
export {
  type RoundableWeight,
  type RoundableWeights,
  roundableBlocks,
  roundableStatic,
} from './roundable-weights.ts'
export { type RoundingError, roundingErrors } from './rounding-errors.ts'
export { type ScaleInputsOptions, scaleWeightInputs } from './scale-weight-inputs.ts'
export { type SmoothOptions, smoothInputs } from './smooth-inputs.ts'
export { hardCodes, SOFT, type SoftWeights, softWeights, weightsOfCodes } from './soft-weights.ts'
export { type TunedWeight, type TuningForm, tuningForm } from './tuning-form.ts'
export {
  type BorderProbe,
  borderCost,
  borderProbe,
  type CostProbes,
  costProbes,
  unitCosts,
} from './unit-costs.ts'
export { unitSignatures } from './unit-signatures.ts'
