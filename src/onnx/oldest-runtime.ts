import { allNodes, inferTypes, intAttribute, type Model, type Node, operatorName, tensorDtype } from '../ir/index.ts'

/** The oldest release of ONNX Runtime that takes a file, of those tried, and what in the file asks for it. */
interface OldestRuntime {
  readonly release: string
  readonly because: readonly string[]
}

/** The oldest release that files were tried in. */
const FIRST = '1.14'

/*
 * What each release refuses that the next one tried takes, found by loading and running files of one node in
 * onnxruntime-node 1.14.0, 1.15.1, 1.16.3, 1.17.3, 1.18.0, 1.19.2, 1.20.1, 1.21.0, 1.22.0, 1.23.2, 1.24.3 and 1.25.1
 * for x86-64. A file of one release's time may be refused by another provider or a build with fewer operators.
 */
const OF_SET: readonly (readonly [newest: number, release: string])[] = [
  [18, FIRST],
  [19, '1.15'],
  [20, '1.17'],
  [21, '1.18'],
  [22, '1.21'],
  [23, '1.23'],
  [25, '1.24'],
  [Number.POSITIVE_INFINITY, '1.25'],
]
const OF_IR: readonly (readonly [newest: number, release: string])[] = [
  [8, FIRST],
  [9, '1.15'],
  [10, '1.18'],
  [11, '1.23'],
  [Number.POSITIVE_INFINITY, '1.24'],
]
const OF_OPERATOR: Readonly<Record<string, string>> = {
  'com.microsoft.MultiHeadAttention': '1.15',
  'com.microsoft.RotaryEmbedding': '1.16',
  'com.microsoft.MatMulNBits': '1.16',
  'com.microsoft.GatherBlockQuantized': '1.23',
}

/** The oldest release that runs this model by its operator set, its IR version, and operators that are younger than these. */
export function oldestRuntime(model: Model): OldestRuntime {
  const opset = model.opsets.get('') ?? 1
  const asks: (readonly [release: string, because: string])[] = [
    [releaseOf(OF_SET, opset), `operator set ${opset}`],
    [releaseOf(OF_IR, model.irVersion), `IR version ${model.irVersion}`],
  ]
  const codesOf = codesIn(model)
  const operators = new Set<string>()
  for (const node of allNodes(model.graph)) {
    operators.add(operatorName(node))
    const ask = askOf(node, codesOf)
    if (ask) asks.push(ask)
  }
  // The runtime makes one of a MatMul between codes.
  const products = operators.has('QLinearMatMul') || (operators.has('QuantizeLinear') && operators.has('MatMul'))
  if (opset >= 21 && products) asks.push(['1.20', `integer products of operator set ${opset}`])
  const release = asks.map(([one]) => one).reduce((newest, one) => (isNewer(one, newest) ? one : newest), FIRST)
  const because = release === FIRST ? [] : asks.filter(([one]) => one === release).map(([, reason]) => reason)
  return { release, because: [...new Set(because)] }
}

/** Whether one release came after another. */
export const isNewer = (one: string, other: string): boolean => minor(one) > minor(other)

const minor = (release: string) => Number(release.split('.')[1])
const releaseOf = (table: readonly (readonly [newest: number, release: string])[], version: number) =>
  table.find(([newest]) => version <= newest)![1]

/** What one node asks for: the release, and in which words. */
function askOf(node: Node, codesOf: (value: string) => string | undefined): readonly [string, string] | null {
  const operator = operatorName(node)
  if (operator === 'com.microsoft.MatMulNBits') {
    if (intAttribute(node, 'bits', 4) === 8) return ['1.23', 'blocks of 8-bit codes']
    if (node.attributes.has('accuracy_level')) return ['1.17', 'accuracy levels']
  }
  if (operator === 'Cast' && /int4$/.test(codesOf(node.inputs[0]!) ?? ''))
    return ['1.23', 'codes of 4 bits that are cast']
  if (operator === 'DequantizeLinear' && /int4$/.test(codesOf(node.inputs[0]!) ?? ''))
    return ['1.19', 'codes of 4 bits']
  if ((operator === 'Max' || operator === 'Min') && /int8$/.test(codesOf(node.inputs[0]!) ?? ''))
    return ['1.24', `${operator} of 8-bit codes`]
  const release = OF_OPERATOR[operator]
  return release === undefined ? null : [release, operator]
}

/** The element type of a value, found when it is first asked for: of constants at hand, of others by inference. */
function codesIn(model: Model): (value: string) => string | undefined {
  let types: ReturnType<typeof inferTypes> | undefined
  return (value) => model.graph.initializers.get(value)?.dtype ?? tensorDtype((types ??= inferTypes(model)).get(value))
}
