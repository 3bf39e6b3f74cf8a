import {
  averagesPicture,
  evaluateNode,
  floatOperands,
  fromNumbers,
  intAttribute,
  NEWEST_OPSET,
  type Node,
  operatorName,
  stringAttribute,
  type Tensor,
  toNumbers,
  UNARY,
} from '../../ir/index.ts'

const POOLS: ReadonlySet<string> = new Set(['AveragePool', 'GlobalAveragePool', 'GlobalMaxPool', 'MaxPool'])
/** Two operands that are finite at zero wherever both are. */
const BINARY: ReadonlySet<string> = new Set(['Add', 'Mul', 'PRelu', 'Sub'])

/** Height and width, behind rows and channels. */
const RANK = 4

/** The weights of a convolution over height and width, where they and the bias are constant. */
export function planarWeight(
  node: Node,
  open: readonly string[],
  constant: (name: string) => Tensor | undefined,
): Tensor | undefined {
  const weight = open.length === 1 ? floatOperands(node, constant)?.weight : undefined
  return weight?.dims.length === 4 ? weight : undefined
}

/** A Concat of channels that are all computed; of values of rank 4, since convolutions make or read them. */
export const joinsChannels = (node: Node, open: readonly string[]): boolean =>
  operatorName(node) === 'Concat' &&
  [1, 1 - RANK].includes(intAttribute(node, 'axis', 0)) &&
  open.length === new Set(node.inputs).size

/** Whether each channel of the result is made of the same channel of its inputs alone, and of constants, and finite at zero. */
export function keepsChannels(
  node: Node,
  open: readonly string[],
  constant: (name: string) => Tensor | undefined,
): boolean {
  const constants = node.inputs.flatMap((name) => (name === '' ? [] : (constant(name) ?? [])))
  if (node.outputs.length !== 1 || open.length === 0) return false
  if (BINARY.has(operatorName(node)))
    return constants.every((tensor) => isOneElement(tensor) || channelAxis(tensor) !== undefined)
  if (open.length !== 1 || open[0] !== node.inputs[0]) return false
  if (operatorName(node) === 'ReduceMean')
    return intAttribute(node, 'keepdims', 1) !== 0 && averagesPicture(node, RANK, constant)
  if (operatorName(node) === 'Resize') return resizesPicture(node, constant)
  if (!constants.every(isOneElement)) return false
  return POOLS.has(operatorName(node)) || Number.isFinite(madeOfZero(node, constant))
}

/** Whether a Resize has constant factors for height and width alone. */
function resizesPicture(node: Node, constant: (name: string) => Tensor | undefined): boolean {
  const scales = constant(node.inputs[2] ?? '')
  if (scales?.dims[0] !== RANK || node.inputs[3] || node.attributes.has('axes')) return false
  if (stringAttribute(node, 'coordinate_transformation_mode', 'half_pixel') === 'tf_crop_and_resize') return false
  const [rows, channels] = toNumbers(scales)
  return rows === 1 && channels === 1
}

/** How many channels of zeros a Pad puts behind those of its value, and nothing else; undefined where it is none. */
export function channelsPadded(node: Node, constant: (name: string) => Tensor | undefined): number | undefined {
  if (operatorName(node) !== 'Pad' || stringAttribute(node, 'mode', 'constant') !== 'constant') return undefined
  const [pads, filler] = [constant(node.inputs[1] ?? ''), node.inputs[2] ? constant(node.inputs[2]) : null]
  if (!pads || filler === undefined || node.inputs[3]) return undefined
  if (filler && toNumbers(filler).some((value) => value !== 0)) return undefined
  const sizes = [...toNumbers(pads)]
  const behind = RANK + 1
  const [by] = sizes.splice(behind, 1)
  return sizes.length === 2 * RANK - 1 && sizes.every((size) => size === 0) && by! > 0 ? by : undefined
}

/** Whether an operator that keeps channels apart makes zeros of zeros. */
export function keepsZeros(node: Node, constant: (name: string) => Tensor | undefined): boolean {
  if (UNARY.has(operatorName(node))) return madeOfZero(node, constant) === 0
  const shifted = ['Add', 'Sub'].includes(operatorName(node)) && node.inputs.map(constant)
  return !shifted || shifted.every((tensor) => tensor === undefined || channelAxis(tensor) !== undefined)
}

const ZERO = fromNumbers('float32', [], [0])

/** The float that a function of single numbers makes of zero; undefined of anything else. */
function madeOfZero(node: Node, constant: (name: string) => Tensor | undefined): number | undefined {
  if (!UNARY.has(operatorName(node))) return undefined
  const inputs = node.inputs.map((name, slot) => (slot === 0 ? ZERO : constant(name)))
  const [made] = evaluateNode(node, inputs, { opset: NEWEST_OPSET }) ?? []
  return made?.dtype === 'float32' ? toNumbers(made)[0] : undefined
}

const isOneElement = ({ dims }: Tensor): boolean => dims.every((dim) => dim === 1)

/** Where the channels of a constant beside a value of rank 4 lie, if it has one number a channel and nothing else. */
export function channelAxis(tensor: Tensor | undefined): number | undefined {
  if (tensor?.dtype !== 'float32' || tensor.dims.length < 3 || tensor.dims.length > 4) return undefined
  const axis = tensor.dims.length - 3
  return tensor.dims[axis]! > 1 && tensor.dims.every((dim, i) => i === axis || dim === 1) ? axis : undefined
}
