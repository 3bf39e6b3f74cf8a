export type { Affine } from './affine.ts'
export { quantizeRules } from './quantize-rules.ts'
export { calibrationValues, quantizeStaticInt8, type StaticInt8Options } from './quantize-static-int8.ts'
