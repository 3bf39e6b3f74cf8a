export type { Dataset } from '../data/index.ts'
export {
  CLOSE_DB,
  foretell,
  isCutOff,
  type Metric,
  noiseRows,
  type Odds,
  typicalNoise,
  worstNoise,
} from '../evaluate/index.ts'
export type { Model } from '../ir/index.ts'
export { type ApplyOptions, applyRecipe, parseRecipe } from './apply.ts'
export { type AttackOptions, attack } from './attack.ts'
export { type BenchOptions, bench } from './bench.ts'
export { blobFolder, readBlobs, writeRecipe } from './blobs.ts'
export type { Built, CandidateSpec } from './candidate.ts'
export { IMPORTANCE, type Importance } from './channel-importance.ts'
export { compareModels } from './compare.ts'
export { compareGated, type GatedOptions } from './compare-gated.ts'
export { type DistilOptions, distil } from './distil.ts'
export { diskCache, type EvidenceCache, noCache } from './evidence-cache.ts'
export { FILLING_SECONDS } from './filled-blocks.ts'
export { firstFeeds } from './first-feeds.ts'
export type { HintOptions, HintPair } from './hints.ts'
export { type InspectOptions, inspect } from './inspect.ts'
export { KERNEL_WORK } from './kernel-costs.ts'
export type { LearnSettings } from './learn.ts'
export { LEARNING_RUNS } from './learned-rounding.ts'
export { machineOf } from './machine.ts'
export type { ReadKernels } from './measure-quantized.ts'
export type { Meter, Work } from './meter.ts'
export type { NamedModel } from './own-inputs.ts'
export { type PruneOptions, prune } from './prune.ts'
export { type Quantized, type QuantizeOptions, quantize } from './quantize.ts'
export { type RobustOptions, robustness, type TestedModel } from './robustness.ts'
export { type RowSaliency, saliencyOf } from './saliency.ts'
export { selectModels } from './select.ts'
export { type Simplified, type SimplifyOptions, simplify } from './simplify.ts'
export type { TimingPurpose } from './time-side-by-side.ts'
export { advance, advanceAll, passById, recipeOf, type Step, startTrail, type Trail } from './trail.ts'
export {
  type StudentShape,
  type Trained,
  type TrainStudentOptions,
  trainIntegers,
  trainStudent,
} from './train-student.ts'
export { type Tuned, type TunedTrail, type TuneOptions, type TuneSettings, tune, tuneStaticInt8 } from './tune.ts'
export type { WeightChoices } from './weight-choices.ts'
export { Workbench, type WorkbenchOptions } from './workbench.ts'
