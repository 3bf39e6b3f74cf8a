export type { Dataset } from '../data/index.ts'
export {
  CLOSE_DB,
  foretell,
  isCutOff,
  lowestSqnrDb,
  type Metric,
  noiseRows,
  type Odds,
  typicalSqnrDb,
} from '../evaluate/index.ts'
export type { Model } from '../ir/index.ts'
export { type ApplyOptions, applyRecipe, parseRecipe } from './apply.ts'
export { blobFolder, readBlobs, writeRecipe } from './blobs.ts'
export type { Built, CandidateSpec } from './candidate.ts'
export { diskCache, type EvidenceCache, noCache } from './evidence/evidence-cache.ts'
export { KERNEL_WORK } from './evidence/kernel-costs.ts'
export { type RowSaliency, saliencyOf } from './evidence/saliency.ts'
export { firstFeeds } from './first-feeds.ts'
export { type InspectOptions, inspect } from './inspect.ts'
export { type AttackOptions, attack } from './judge/attack.ts'
export { type BenchOptions, bench } from './judge/bench.ts'
export { compareModels } from './judge/compare.ts'
export { compareGated, type GatedOptions } from './judge/compare-gated.ts'
export type { NamedModel } from './judge/own-inputs.ts'
export { type RobustOptions, robustness, type TestedModel } from './judge/robustness.ts'
export { selectModels } from './judge/select.ts'
export { machineOf } from './machine.ts'
export type { Meter, Work } from './meter.ts'
export { type PruneOptions, prune } from './prune/prune.ts'
export { FORM_SECONDS } from './quantize/float-form-choice.ts'
export { LEARNING_RUNS } from './quantize/learned-rounding.ts'
export type { ReadKernels } from './quantize/measure-quantized.ts'
export { quantize } from './quantize/quantize.ts'
export type { QuantizeOptions } from './quantize/quantize-options.ts'
export type { Quantized } from './quantize/quantized.ts'
export type { WeightChoices } from './quantize/weight-choices.ts'
export { type Simplified, type SimplifyOptions, simplify } from './simplify.ts'
export type { TimingPurpose } from './time-side-by-side.ts'
export { advance, advanceAll, passById, recipeOf, type Step, startTrail, type Trail } from './trail.ts'
export { IMPORTANCE, type Importance } from './train/channel-importance.ts'
export { type DistilOptions, distil } from './train/distil.ts'
export type { HintOptions, HintPair } from './train/hints.ts'
export type { LearnSettings } from './train/learn.ts'
export {
  type StudentShape,
  type Trained,
  type TrainStudentOptions,
  trainIntegers,
  trainStudent,
} from './train-student.ts'
export { type Tuned, type TunedTrail, type TuneOptions, type TuneSettings, tune, tuneStaticInt8 } from './tune.ts'
export { Workbench, type WorkbenchOptions } from './workbench.ts'
