/*
 * a = Relu(x); b = Relu(x); y = Add(a, b)     ⇒  a = Relu(x); y = Add(a, a)
 * Two constants with the same type, shape and bytes become one, too.
 * Illegal: random operators and operators of unknown domains (they may do more than compute); nodes with nested graphs;
 * a result that is a graph output (two outputs need two names).
 * Source: value numbering.
 */
import {
  type Attribute,
  equalTensors,
  type Graph,
  hasNestedGraphs,
  type Node,
  operatorName,
  RANDOM_OPERATORS,
  type Tensor,
  tensorBytes,
} from '../../ir/index.ts'
import { type GraphEditor, perGraph, type RuleContext, rulePass } from '../../rewrite/index.ts'

export const eliminateCommonSubexpressions = rulePass(
  'eliminateCommonSubexpressions',
  'Computes what stands in the graph twice only once.',
  [{ roots: '*', apply }],
)

const sharedConstants = perGraph(({ graph }) => equalConstants(graph))
/** The nodes met so far, by all that makes them what they are. */
const met = perGraph(() => new Map<string, Node>())

function apply(node: Node, { editor }: RuleContext): boolean {
  let changed = false
  let current = node
  for (const name of node.inputs) {
    const first = sharedConstants(editor).get(name)
    if (first === undefined || first === name) continue
    const next = { ...current, inputs: current.inputs.map((input) => (input === name ? first : input)) }
    editor.replace(current, next)
    current = next
    changed = true
  }
  return mergeNode(current, editor, met(editor)) || changed
}

function mergeNode(node: Node, editor: GraphEditor, nodes: Map<string, Node>): boolean {
  const domain = node.domain === '' || node.domain === 'ai.onnx.ml' || node.domain === 'com.microsoft'
  if (!domain || RANDOM_OPERATORS.has(node.opType) || node.inputs.length === 0 || hasNestedGraphs(node)) return false
  const key = keyOf(node)
  const first = nodes.get(key)
  if (!first || !editor.has(first) || first === node) {
    nodes.set(key, node)
    return false
  }
  if (first.outputs.length !== node.outputs.length) return false
  if (node.outputs.some((name, i) => editor.isOutput(name) || (name !== '' && first.outputs[i] === ''))) return false
  node.outputs.forEach((name, i) => {
    if (name !== '') editor.redirect(name, first.outputs[i]!)
  })
  editor.removeUnused(node)
  return true
}

function keyOf(node: Node): string {
  const attributes = [...node.attributes].sort(([a], [b]) => (a < b ? -1 : 1))
  return [
    operatorName(node),
    ...node.inputs,
    ...attributes.map(([name, value]) => `${name}=${attributeKey(value)}`),
  ].join('\n')
}

function attributeKey(attribute: Attribute): string {
  if (attribute.type === 'tensor') return constantKey(attribute.value)
  const value = 'value' in attribute ? attribute.value : attribute.type
  return `${attribute.type}:${JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `${part}n` : ArrayBuffer.isView(part) ? [...(part as Uint8Array)] : part))}`
}

function constantKey(tensor: Tensor): string {
  const head = `${tensor.dtype}[${tensor.dims.join()}]`
  if (tensor.data.form === 'strings') return `${head}:${tensor.data.values.map((value) => [...value].join()).join(';')}`
  return `${head}:${[...tensorBytes(tensor)].join()}`
}

/** For every constant that has an equal one before it, the name of that one. */
function equalConstants(graph: Graph): ReadonlyMap<string, string> {
  const inputs = new Set(graph.inputs.map(({ name }) => name))
  return equalTensors([...graph.initializers].filter(([name]) => !inputs.has(name)))
}
