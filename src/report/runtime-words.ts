import type { OldestRuntime } from './rewrite.ts'

/** "ONNX Runtime 1.17 and newer (operator set 20)". */
export const runtimeInWords = ({ release, because }: OldestRuntime): string =>
  `ONNX Runtime ${release} and newer${because.length > 0 ? ` (${because.join(', ')})` : ''}`
