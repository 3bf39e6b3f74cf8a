/*
 * y = com.microsoft.FusedConv<activation = f>(x, w, b, z)           ⇒  y = f(Add(Conv(x, w, b), z))
 * y = com.microsoft.FusedGemm<activation = f>(a, b, c)              ⇒  y = f(Gemm(a, b, c))
 * y = com.microsoft.FusedMatMul<alpha, transA, transB>(a, b)        ⇒  y = Mul(MatMul(aᵀ, bᵀ), alpha)
 * y = com.microsoft.BiasGelu(x, b), FastGelu(x, b)                  ⇒  y = Gelu(Add(x, b)), FastGelu(Add(x, b))
 * y, , , s = com.microsoft.SkipLayerNormalization(x, z, γ, β, b)    ⇒  s = Add(Add(x, z), b), y = LayerNormalization(s, γ, β)
 * Illegal: other types than float32; an activation with parameters that are not given; batches in another order; a mean
 * or a deviation that is read.
 * Source: ONNX Runtime, contrib operators. It makes these of the pieces when it loads a model, and leaves them in files
 * that it saves.
 */
import {
  type Attribute,
  float,
  floatAttribute,
  fromNumbers,
  int,
  intAttribute,
  ints,
  makeNode,
  type Node,
  operatorName,
  stringAttribute,
  tensorDtype,
  tensorShape,
} from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

/** What a fused operator is made of, in order; or why it stays. */
type Parts = readonly Node[] | { readonly refused: string }

const FORMS: Readonly<Record<string, (node: Node, context: RuleContext) => Parts>> = {
  'com.microsoft.FusedConv': activatedProduct('Conv'),
  'com.microsoft.FusedGemm': activatedProduct('Gemm'),
  'com.microsoft.FusedMatMul': matMul,
  'com.microsoft.BiasGelu': (node, context) =>
    context.opset < 20 ? biased(node, context, 'Gelu', 'com.microsoft') : biased(node, context, 'Gelu', ''),
  'com.microsoft.FastGelu': (node, context) => biased(node, context, 'FastGelu', 'com.microsoft'),
  'com.microsoft.SkipLayerNormalization': normalization,
}

/**
 * Operators that a runtime made of several, as these again: a file that was saved after its optimizations names products
 * that no rule and no quantizer looks for.
 */
export const partFusedOperators = rulePass(
  'partFusedOperators',
  'Operators that a runtime made of several, as it saves them, apart again.',
  [{ roots: Object.keys(FORMS), apply }],
)

function apply(node: Node, context: RuleContext): RuleOutcome {
  if (operatorName(node) === 'com.microsoft.FastGelu' && !node.inputs[1]) return false
  if (tensorDtype(context.types.get(node.outputs[0]!)) !== 'float32') return { refused: 'its type is not float32' }
  const parts = FORMS[operatorName(node)]!(node, context)
  if ('refused' in parts) return parts
  context.editor.replace(node, ...parts)
  return true
}

/** A product of ONNX, which reads three inputs, what the fourth adds to it, and its activation. */
function activatedProduct(opType: string) {
  return (node: Node, { editor, opset }: RuleContext): Parts => {
    const own = [...node.attributes].filter(([name]) => !name.startsWith('activation'))
    const steps: Step[] = [
      () => ({ ...makeNode(opType, node.inputs.slice(0, 3), [], { name: node.name }), attributes: new Map(own) }),
    ]
    const added = node.inputs[3]
    if (added) steps.push((value) => makeNode('Add', [value, added], []))
    const activation = stringAttribute(node, 'activation', '')
    if (activation !== '') {
      const given = parameters(node, activation)
      if (!given || (activation === 'Clip' && opset < 11))
        return { refused: `its activation ${activation} has no parameters, or others` }
      steps.push((value) =>
        activate(activation, value, given, (number) => editor.addConstant(number, `${value}_bound`)),
      )
    }
    return inTurn(node, editor, steps)
  }
}

/** A node that reads what the one before it gave. */
type Step = (value: string) => Node

/** The nodes of the steps, of which the last one gives what `node` did. */
function inTurn(node: Node, editor: RuleContext['editor'], steps: readonly Step[]): readonly Node[] {
  let value = ''
  return steps.map((step, i) => {
    const made = step(value)
    value = i === steps.length - 1 ? node.outputs[0]! : editor.freshName(`${node.outputs[0]}_${made.opType}`)
    return { ...made, outputs: [value] }
  })
}

/** Names of the attributes of each activation. */
const ACTIVATIONS: Readonly<Record<string, readonly string[]>> = {
  Relu: [],
  Sigmoid: [],
  Tanh: [],
  LeakyRelu: ['alpha'],
  HardSigmoid: ['alpha', 'beta'],
  Clip: ['min', 'max'],
}

/** The parameters of an activation, which FusedConv has in a list and FusedGemm by name; undefined where some are missing. */
function parameters(node: Node, activation: string): readonly number[] | undefined {
  const names = ACTIVATIONS[activation]
  const list = node.attributes.get('activation_params')
  const given = names?.map((name, i) =>
    list?.type === 'floats' ? list.value[i] : floatAttribute(node, `activation_${name}`, Number.NaN),
  )
  return given?.every((value) => value !== undefined && !Number.isNaN(value)) ? (given as number[]) : undefined
}

function activate(
  opType: string,
  value: string,
  given: readonly number[],
  bound: (number: ReturnType<typeof fromNumbers>) => string,
): Node {
  if (opType === 'Clip')
    return makeNode('Clip', [value, ...given.map((end) => bound(fromNumbers('float32', [], [end])))], [])
  const attributes = Object.fromEntries(
    ACTIVATIONS[opType]!.map((name, i): [string, Attribute] => [name, float(given[i]!)]),
  )
  return makeNode(opType, [value], [], { attributes })
}

function matMul(node: Node, { editor, types }: RuleContext): Parts {
  if (['transBatchA', 'transBatchB'].some((name) => intAttribute(node, name, 0) !== 0))
    return { refused: 'its batches are in another order' }
  const moves: Node[] = []
  const inputs = ['transA', 'transB'].map((name, i) => {
    const value = node.inputs[i]!
    const rank = tensorShape(types.get(value))?.length
    if (intAttribute(node, name, 0) === 0 || rank === 1) return value
    if (rank === undefined) return undefined
    const order = [...Array(rank - 2).keys(), rank - 1, rank - 2]
    const turned = editor.freshName(`${value}_turned`)
    moves.push(makeNode('Transpose', [value], [turned], { attributes: { perm: ints(order) } }))
    return turned
  })
  if (inputs.includes(undefined)) return { refused: 'the rank of what is transposed is not known' }
  const alpha = floatAttribute(node, 'alpha', 1)
  const steps: Step[] = [() => makeNode('MatMul', inputs as string[], [], { name: node.name })]
  if (alpha !== 1) {
    const factor = editor.addConstant(fromNumbers('float32', [], [alpha]), `${node.outputs[0]}_alpha`)
    steps.push((value) => makeNode('Mul', [value, factor], []))
  }
  return [...moves, ...inTurn(node, editor, steps)]
}

const biased = (node: Node, { editor }: RuleContext, opType: string, domain: string): Parts =>
  inTurn(node, editor, [
    () => makeNode('Add', node.inputs.slice(0, 2), [], { name: node.name }),
    (value) => makeNode(opType, [value], [], { domain }),
  ])

/** What its description says where a file says nothing. */
const EPSILON = 1e-12

function normalization(node: Node, { editor, opset }: RuleContext): Parts {
  const [x, skip, gamma, beta = '', bias = ''] = node.inputs as [string, string, string, string?, string?]
  const [y, mean = '', deviation = '', given = ''] = node.outputs as [string, string?, string?, string?]
  if (opset < 17) return { refused: 'LayerNormalization is of operator set 17' }
  if (mean !== '' || deviation !== '') return { refused: 'its mean or its deviation is read' }
  const sum = given === '' ? editor.freshName(`${y}_sum`) : given
  const unbiased = bias === '' ? sum : editor.freshName(`${y}_Add`)
  return [
    makeNode('Add', [x, skip], [unbiased], { name: node.name }),
    ...(bias === '' ? [] : [makeNode('Add', [unbiased, bias], [sum])]),
    makeNode('LayerNormalization', beta === '' ? [sum, gamma] : [sum, gamma, beta], [y], {
      attributes: { axis: int(-1), epsilon: float(floatAttribute(node, 'epsilon', EPSILON)) },
    }),
  ]
}
