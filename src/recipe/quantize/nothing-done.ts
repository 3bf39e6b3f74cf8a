import type { Model } from '../../ir/index.ts'
import type { PassRun } from '../../report/index.ts'

/** Operators that only a quantized model has. */
const INTEGER = /^(Quantize|Dequantize|DynamicQuantize)Linear$|^(QLinear|QGemm|QAttention)|Integer$|NBits$/

/** Why nothing was quantized, and what to do about it. */
export function nothingDone({ graph }: Model, { refused }: Pick<PassRun, 'refused'>): string {
  const counts = new Map<string, number>()
  for (const { opType } of graph.nodes) if (INTEGER.test(opType)) counts.set(opType, (counts.get(opType) ?? 0) + 1)
  if (counts.size === 0)
    return refused.length > 0
      ? 'nothing was quantized: what stayed in float is listed with its reason'
      : 'nothing was quantized: there are no float32 weights here that the scheme changes'
  const found = [...counts].map(([name, count]) => `${count} ${name}`).join(', ')
  return `the model is integer already (${found}), and nothing else in it can be quantized: use it as it is, or quantize the float model that it was made from`
}
