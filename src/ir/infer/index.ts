export { type InferOptions, inferModel, inferTypes, type TypeConflict } from './infer-types.ts'
export { inferRules } from './rules.ts'
export { settledSizes } from './settled-sizes.ts'
