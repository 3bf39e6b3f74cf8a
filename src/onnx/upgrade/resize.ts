import { type Node, string, stringAttribute, type Tensor, tensorOf, tensorValues } from '../../ir/index.ts'
import { type Adapted, type Adapter, changed, type Surroundings } from './adapter.ts'

/** Upsample 9: the scales become an input. */
export const scalesToInput: Adapter = (node, around) => {
  const scales = node.attributes.get('scales')
  if (scales?.type !== 'floats') return { refused: 'it has no scales' }
  const input = around.addConstant(tensorOf('float32', [scales.value.length], scales.value), 'scales')
  return [changed(node, { drop: ['scales'], inputs: [node.inputs[0]!, input] })]
}

/** Resize 10 takes Upsample's place; on the way to 11, Upsample waits for what only Resize 11 can say. */
export const upsampleToResize10: Adapter = (node, around) => [
  around.target === 10 ? changed(node, { opType: 'Resize' }) : node,
]

/** Resize 11 says what Upsample did: it only ever grows, x_in = x_out / scale rounded down. */
export const upsampleToResize11: Adapter = (node, around) => asymmetric(node, 'floor', around)

/**
 * Resize 11 states how output coordinates map to input ones. Before, they were x_in = x_out / scale, rounded down where
 * an axis grows and up where it shrinks (ONNX Runtime's reading of opset 10, where the text of ONNX is silent).
 */
export const statedCoordinates: Adapter = (node, around) => {
  const mode = stringAttribute(node, 'mode', 'nearest')
  const scales = around.constant(node.inputs[1]!)
  let nearest = 'floor'
  if (mode === 'nearest') {
    const found = scales && directionOf(scales)
    if (!found) return { refused: 'whether it grows or shrinks is only known while it runs, and that decided rounding' }
    if (found === 'mixed')
      return { refused: 'it grows along one axis and shrinks along another, each rounded its own way' }
    nearest = found
  }
  return asymmetric(node, nearest, around)
}

function asymmetric(node: Node, nearest: string, around: Surroundings): Adapted {
  const mode = stringAttribute(node, 'mode', 'nearest')
  if (mode !== 'nearest' && mode !== 'linear')
    return { refused: `it has the mode "${mode}", which opset 10 does not know` }
  return [
    changed(node, {
      opType: 'Resize',
      inputs: [node.inputs[0]!, omittedRoi(around), node.inputs[1]!],
      set: { coordinate_transformation_mode: string('asymmetric'), nearest_mode: string(nearest) },
    }),
  ]
}

/** `roi` may be left out since opset 13; before, it is an empty tensor. */
function omittedRoi(around: Surroundings): string {
  return around.target >= 13 ? '' : around.addConstant(tensorOf('float32', [0], []), 'roi')
}

function directionOf(scales: Tensor): 'floor' | 'ceil' | 'mixed' {
  const values = Array.from(tensorValues(scales), Number)
  const grows = values.some((scale) => scale > 1)
  const shrinks = values.some((scale) => scale < 1)
  return grows && shrinks ? 'mixed' : shrinks ? 'ceil' : 'floor'
}

/** Resize 13: empty constants stood for inputs that may now be left out; one mode for Mask R-CNN's sake is gone. */
export const omittedInputs: Adapter = (node, around) => {
  if (stringAttribute(node, 'coordinate_transformation_mode', 'half_pixel') === 'tf_half_pixel_for_nn')
    return { refused: 'its coordinate mode tf_half_pixel_for_nn was removed in opset 13' }
  const inputs = node.inputs.map((name, i) => {
    const constant = i > 0 && name !== '' ? around.constant(name) : undefined
    return constant?.dims.includes(0) ? '' : name
  })
  return [changed(node, { inputs })]
}
