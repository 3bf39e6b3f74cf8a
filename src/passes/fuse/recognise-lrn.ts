/*
 * p = AveragePool<kernel_shape = [n, 1, 1], pads = [⌊n/2⌋, 0, 0, ⌊n/2⌋, 0, 0]>(Reshape(Mul(x, x), {N, 1, C, H, W}))
 * y = Div(x, Pow(Add(Mul(Squeeze(p), α), k), β))          ⇒   y = LRN<size = n, alpha = α, beta = β, bias = k>(x)
 * Exporters without the operator average squares over neighbouring channels as if these were the depth of a volume.
 * Illegal: an inner value is read elsewhere or is an output; windows that are even (they lie otherwise in the operator),
 * or do not count what is around the channels; shapes that are not known; other types than float32.
 * Source: ONNX, LRN: y = x / (k + α/n · Σ x²)^β over n channels around each one.
 */
import {
  float,
  int,
  intAttribute,
  intsAttribute,
  makeNode,
  type Node,
  sameShape,
  stringAttribute,
  tensorDtype,
  tensorShape,
} from '../../ir/index.ts'
import {
  any,
  either,
  match,
  op,
  type RuleContext,
  type RuleOutcome,
  replaceFound,
  rulePass,
  scalar,
  scalarNamed,
  scalarValue,
} from '../../rewrite/index.ts'

export const recogniseLrn = rulePass(
  'recogniseLrn',
  'Writes the pieces of a local response normalization as the one operator that they are.',
  [{ roots: ['Div'], apply }],
)

const x = any('x')
const square = either(op('Mul', [x, x]), op('Pow', [x, scalar(2)]))
const volume = either(op('Reshape', [square, any('volume')]), op('Unsqueeze', [square, any('depth')]))
const pooled = op('AveragePool', [volume], isWindow)
const mean = either(op('Squeeze', [pooled, any('axes')]), op('Reshape', [pooled, any('picture')]))
const sum = op('Add', [op('Mul', [mean, scalarNamed('alpha')]), scalarNamed('bias')])
const normalized = op('Div', [x, op('Pow', [sum, scalarNamed('beta')])])

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor } = context
  const output = node.outputs[0]!
  return replaceFound(match(editor, output, normalized), context, (found) => {
    const pool = found.nodes.find(({ opType }) => opType === 'AveragePool')!
    const type = context.types.get(found.value('x'))
    if (tensorDtype(type) !== 'float32') return { refused: 'only float32 is recognised' }
    const shapeOf = (value: string) => tensorShape(context.types.get(value))
    const shape = tensorShape(type)
    const depth = shapeOf(pool.inputs[0]!)
    const expected = shape?.length === 4 ? [shape[0]!, 1, ...shape.slice(1)] : null
    if (!expected || !sameShape(expected, depth) || !sameShape(shape, shapeOf(output)))
      return { refused: 'it is not known to average over channels' }
    const number = (name: string) => float(scalarValue(editor.constant(found.value(name)))!)
    const attributes = {
      size: int(intsAttribute(pool, 'kernel_shape', [1])[0]!),
      alpha: number('alpha'),
      beta: number('beta'),
      bias: number('bias'),
    }
    return [makeNode('LRN', [found.value('x')], [output], { name: node.name, attributes })]
  })
}

/** An odd window over the first of three axes, in the middle, with zeros around. */
function isWindow(pool: Node): boolean {
  const [size, ...others] = intsAttribute(pool, 'kernel_shape', [])
  if (size === undefined || size % 2 === 0 || others.join() !== '1,1') return false
  const half = (size - 1) / 2
  const ones = (name: string) => intsAttribute(pool, name, [1, 1, 1]).every((value) => value === 1)
  return (
    intsAttribute(pool, 'pads', [0, 0, 0, 0, 0, 0]).join() === [half, 0, 0, half, 0, 0].join() &&
    ones('strides') &&
    ones('dilations') &&
    intAttribute(pool, 'ceil_mode', 0) === 0 &&
    (half === 0 || intAttribute(pool, 'count_include_pad', 0) === 1) &&
    stringAttribute(pool, 'auto_pad', 'NOTSET') === 'NOTSET'
  )
}
