import { attack } from './attack.ts'
import { calibration, costs, processor, sensitivity } from './calibration.ts'
import { channels } from './channels.ts'
import { comparison } from './comparison.ts'
import { failure } from './failure.ts'
import { inspection } from './inspection.ts'
import { jobs } from './jobs.ts'
import { latency, profile } from './latency.ts'
import { learnedWeights } from './learned-weights.ts'
import { distillation, pruning, tuning } from './learning.ts'
import { moments } from './moments.ts'
import { optimization } from './optimization.ts'
import { prediction } from './prediction.ts'
import { quantization } from './quantization.ts'
import { recipe } from './recipe.ts'
import { rewrite } from './rewrite.ts'
import { robustness, rowScores } from './robustness.ts'
import { drift, drill, incident, incidents, rollout } from './rollout.ts'
import type { Infer, JsonSchema } from './schema.ts'
import { selection } from './selection.ts'
import { apiKey, served } from './serving.ts'
import { cache, doctor, program } from './setup.ts'
import { collection, history, verification, version } from './store.ts'

/** Every report kind, by the value of its `kind` field. */
export const kinds = {
  'api-key': apiKey,
  attack,
  cache,
  calibration,
  channels,
  costs,
  collection,
  comparison,
  distillation,
  doctor,
  drift,
  drill,
  failure,
  history,
  incident,
  incidents,
  inspection,
  jobs,
  latency,
  'learned-weights': learnedWeights,
  moments,
  optimization,
  prediction,
  processor,
  profile,
  program,
  pruning,
  quantization,
  recipe,
  rewrite,
  robustness,
  rollout,
  'row-scores': rowScores,
  selection,
  sensitivity,
  served,
  tuning,
  verification,
  version,
} as const

export type Kind = keyof typeof kinds
export type ReportOf<K extends Kind> = Infer<(typeof kinds)[K]>
export type Report = { [K in Kind]: ReportOf<K> }[Kind]

/** The JSON Schema of a report kind. */
export function schemaOf(kind: Kind): JsonSchema {
  return kinds[kind].json
}
