export * from './attack.ts'
export * from './calibration.ts'
export * from './canonical.ts'
export * from './channels.ts'
export * from './choices.ts'
export * from './comparison.ts'
export * from './failure.ts'
export * from './gate.ts'
export * from './grouped.ts'
export * from './inspection.ts'
export * from './jobs.ts'
export * from './kinds.ts'
export * from './latency.ts'
export * from './learned-weights.ts'
export * from './learning.ts'
export * from './listed.ts'
export * from './misfit.ts'
export * from './moments.ts'
export * from './optimization.ts'
export * from './prediction.ts'
export * from './quantization.ts'
export * from './recipe.ts'
export * from './rewrite.ts'
export * from './robustness.ts'
export * from './rollout.ts'
export * from './rows-wanted.ts'
export * from './runtime-words.ts'
export { isClassOf } from './same-rows.ts'
export {
  boolean,
  either,
  exactly,
  type Infer,
  integer,
  type JsonSchema,
  json,
  list,
  number,
  type OptionsOf,
  oneOf,
  optional,
  record,
  type Schema,
  text,
  within,
} from './schema.ts'
export * from './selection.ts'
export * from './serving.ts'
export * from './setup.ts'
export * from './short-paths.ts'
export * from './store.ts'
export * from './tensor-ref.ts'
export * from './verdict.ts'
export * from './version.ts'
export * from './wrap.ts'
