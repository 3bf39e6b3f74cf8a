import { floatAttribute, int, intAttribute, string, stringAttribute } from '../../ir/index.ts'
import { type Adapter, changed, exactInts, int64, int64s, intsToInput, scalarLike } from './adapter.ts'
import {
  axesInsteadOfFlags,
  boundsToInputs,
  inferenceOnly,
  perChannel,
  ratioToInput,
  scalePerChannel,
  withoutMask,
} from './normalization.ts'
import { omittedInputs, scalesToInput, statedCoordinates, upsampleToResize10, upsampleToResize11 } from './resize.ts'
import { alongOneAxis } from './softmax.ts'

/** Slice 10: starts, ends and axes are inputs. */
const sliceInputs: Adapter = (node, around) => {
  const starts = exactInts(node, 'starts')
  const ends = exactInts(node, 'ends')
  if (!starts || !ends || starts.length !== ends.length) return { refused: 'its starts and ends do not fit each other' }
  // Without axes they are the first ones, as before.
  const axes = exactInts(node, 'axes')
  const inputs = [
    node.inputs[0]!,
    around.addConstant(int64s(starts), 'starts'),
    around.addConstant(int64s(ends), 'ends'),
    axes ? around.addConstant(int64s(axes), 'axes') : '',
  ]
  return [changed(node, { drop: ['starts', 'ends', 'axes'], inputs })]
}

/** TopK 10: k is an input of one element. */
const countToInput: Adapter = (node, around) => {
  const k = node.attributes.get('k')
  if (k?.type !== 'int') return { refused: 'it has no k' }
  return [changed(node, { drop: ['k'], inputs: [node.inputs[0]!, around.addConstant(int64s([k.value]), 'k')] })]
}

/** Pad 11: pads and the value are inputs; without a value it is zero, as the old default. */
const padInputs: Adapter = (node, around) => {
  const pads = exactInts(node, 'pads')
  if (!pads) return { refused: 'it has no pads' }
  const value = floatAttribute(node, 'value', 0)
  const inputs = [node.inputs[0]!, around.addConstant(int64s(pads), 'pads')]
  const drop = ['pads', 'value']
  if (value === 0 || stringAttribute(node, 'mode', 'constant') !== 'constant') return [changed(node, { drop, inputs })]
  const made = scalarLike(value, node.inputs[0]!, 'pad_value', around)
  if ('refused' in made) return made
  return [...made.nodes, changed(node, { drop, inputs: [...inputs, made.name] })]
}

/** Split 18: where no sizes are given, the number of parts is stated. */
const statedParts: Adapter = (node) =>
  (node.inputs[1] ?? '') === '' ? [changed(node, { set: { num_outputs: int(node.outputs.length) } })] : [node]

/** RoiAlign 16: sampling points moved by half a pixel became the default; before, they were not. */
const oldSampling: Adapter = (node) => [
  changed(node, { set: { coordinate_transformation_mode: string('output_half_pixel') } }),
]

/** DFT 20: the axis is an input. */
const dftAxis: Adapter = (node, around) => [
  changed(node, {
    drop: ['axis'],
    inputs: [node.inputs[0]!, node.inputs[1] ?? '', around.addConstant(int64(intAttribute(node, 'axis', 1)), 'axis')],
  }),
]

const GRID_MODES: Readonly<Record<string, string>> = { bilinear: 'linear', bicubic: 'cubic', nearest: 'nearest' }

/** GridSample 20: interpolation in any number of dimensions, under other names. */
const gridModes: Adapter = (node) => {
  const mode = GRID_MODES[stringAttribute(node, 'mode', 'bilinear')]
  return mode ? [changed(node, { set: { mode: string(mode) } })] : { refused: 'it has an unknown mode' }
}

/** Scan 9 has no batch axis and no sequence lengths, and other names for its directions. */
const batchlessScan: Adapter = () => ({ refused: 'Scan of opset 8 runs over a batch, which opset 9 removed' })

const renamed = (opType: string): Adapter => {
  return (node) => [changed(node, { opType })]
}

const axesInput = intsToInput('axes')
const reductions = ['L1', 'L2', 'LogSum', 'LogSumExp', 'Max', 'Mean', 'Min', 'Prod', 'SumSquare'] as const

/**
 * What changed in signature or meaning from opset 7 to 21, by operator and by the version that changed it. Every other
 * new version only allows more (types, negative axes, attributes whose default is what was), so that its nodes stay as
 * they are. Source: the history of ONNX's operator schemas.
 */
export const ADAPTERS: Readonly<Record<string, Readonly<Record<number, Adapter>>>> = {
  BatchNormalization: { 9: perChannel, 14: inferenceOnly },
  Clip: { 11: boundsToInputs },
  DFT: { 20: dftAxis },
  Dropout: { 10: withoutMask, 12: ratioToInput },
  GridSample: { 20: gridModes },
  GroupNormalization: { 21: scalePerChannel },
  Hardmax: { 13: alongOneAxis },
  LogSoftmax: { 13: alongOneAxis },
  MeanVarianceNormalization: { 9: axesInsteadOfFlags },
  Pad: { 11: padInputs },
  ReduceSum: { 13: axesInput },
  ...Object.fromEntries(reductions.map((name) => [`Reduce${name}`, { 18: axesInput }])),
  Resize: { 11: statedCoordinates, 13: omittedInputs },
  RoiAlign: { 16: oldSampling },
  Scan: { 9: batchlessScan },
  Scatter: { 11: renamed('ScatterElements') },
  Slice: { 10: sliceInputs },
  Softmax: { 13: alongOneAxis },
  Split: { 13: intsToInput('split'), 18: statedParts },
  Squeeze: { 13: axesInput },
  TopK: { 10: countToInput },
  Unsqueeze: { 13: axesInput },
  Upsample: { 9: scalesToInput, 10: upsampleToResize10, 11: upsampleToResize11 },
}
