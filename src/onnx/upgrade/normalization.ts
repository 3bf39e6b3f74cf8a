import { floatAttribute, int, intAttribute, makeNode, tensorOf } from '../../ir/index.ts'
import { type Adapter, changed, int64s, scalarLike } from './adapter.ts'

/** BatchNormalization 9: always one mean a channel. */
export const perChannel: Adapter = (node) =>
  intAttribute(node, 'spatial', 1) === 1
    ? [changed(node, { drop: ['spatial'] })]
    : { refused: 'it normalizes each position on its own (spatial = 0), which opset 9 removed' }

/** BatchNormalization 14: training is an attribute; the statistics that only training makes are gone. */
export const inferenceOnly: Adapter = (node, around) => {
  const extra = node.outputs.slice(1).filter((name) => name !== '' && around.isUsed(name))
  if (extra.length > 0) return { refused: 'its running statistics are used: it is part of a training graph' }
  return [changed(node, { outputs: node.outputs.slice(0, 1) })]
}

/**
 * Dropout 10 and 12: the mask became Boolean, then all true in inference; what it held in inference before, ONNX does
 * not say (ONNX Runtime: zeros), so it may only be left out.
 */
export const withoutMask: Adapter = (node, around) => {
  const mask = node.outputs[1] ?? ''
  return mask === '' || !around.isUsed(mask)
    ? [changed(node, { outputs: node.outputs.slice(0, 1) })]
    : { refused: 'its mask is read, and what it holds in inference is only defined since opset 12' }
}

/** Dropout 12: the ratio is an input; without `training_mode` nothing is dropped, as before in inference. */
export const ratioToInput: Adapter = (node, around) => {
  const single = withoutMask(node, around)
  if ('refused' in single) return single
  const ratio = node.attributes.get('ratio')
  if (!ratio) return single
  const constant = around.addConstant(tensorOf('float32', [], [floatAttribute(node, 'ratio', 0.5)]), 'ratio')
  return [changed(single[0]!, { drop: ['ratio'], inputs: [node.inputs[0]!, constant] })]
}

/** Clip 11: the bounds are inputs of the element type; the old defaults are the largest floats, which bound nothing. */
export const boundsToInputs: Adapter = (node, around) => {
  const inputs = [node.inputs[0]!]
  const before = []
  for (const bound of ['min', 'max']) {
    if (!node.attributes.has(bound)) {
      inputs.push('')
      continue
    }
    const made = scalarLike(floatAttribute(node, bound, 0), node.inputs[0]!, `clip_${bound}`, around)
    if ('refused' in made) return made
    inputs.push(made.name)
    before.push(...made.nodes)
  }
  return [...before, changed(node, { drop: ['min', 'max'], inputs })]
}

/** GroupNormalization 21: scale and bias a channel, not a group; each group's is repeated for its channels. */
export const scalePerChannel: Adapter = (node, around) => {
  const groups = intAttribute(node, 'num_groups', 0)
  if (groups < 1) return { refused: 'it has no number of groups' }
  const [input, ...affine] = node.inputs as [string, string, string]
  const name = (hint: string) => around.freshName(`${node.outputs[0]}_${hint}`)
  const [channels, perGroup, grid] = [name('channels'), name('per_group'), name('grid')]
  const groupCount = around.addConstant(int64s([groups]), 'groups')
  const nodes = [
    makeNode('Shape', [input], [channels], { attributes: { start: int(1), end: int(2) } }),
    makeNode('Div', [channels, groupCount], [perGroup]),
    makeNode('Concat', [groupCount, perGroup], [grid], { attributes: { axis: int(0) } }),
  ]
  const repeated = affine.map((value) => {
    const [column, spread, flat] = [name('column'), name('spread'), name('flat')]
    nodes.push(
      makeNode('Unsqueeze', [value, around.addConstant(int64s([1]), 'axes')], [column]),
      makeNode('Expand', [column, grid], [spread]),
      makeNode('Reshape', [spread, around.addConstant(int64s([-1]), 'flat')], [flat]),
    )
    return flat
  })
  return [...nodes, changed(node, { inputs: [input, ...repeated] })]
}

/** MeanVarianceNormalization was experimental before 9, with flags instead of axes. */
export const axesInsteadOfFlags: Adapter = (node) => {
  if (intAttribute(node, 'normalize_variance', 1) !== 1)
    return { refused: 'it leaves the variance as it is, which opset 9 removed' }
  if (!node.attributes.has('across_channels') && !node.attributes.has('normalize_variance')) return [node]
  return { refused: 'it has flags of the experimental operator that opset 9 replaced' }
}
