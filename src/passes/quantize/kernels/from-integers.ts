import type { GraphEditor } from '../../../rewrite/index.ts'

/** Whether a kernel over codes makes this value: something behind a DequantizeLinear, activations in between or alone. */
export function isFromIntegers(value: string, editor: GraphEditor): boolean {
  const maker = editor.producer(value)
  if (!maker) return false
  if (maker.opType === 'DequantizeLinear') return true
  if (['Relu', 'Clip', 'LeakyRelu'].includes(maker.opType)) return isFromIntegers(maker.inputs[0]!, editor)
  return maker.inputs.some((name) => editor.producer(name, 'DequantizeLinear'))
}
