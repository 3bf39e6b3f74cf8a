/*
 * a = Relu(x); b = Relu(x); y = Add(a, b)     ⇒  a = Relu(x); y = Add(a, a)
 * Two constants with the same type, shape and bytes become one, too.
 * Illegal: random operators and operators of unknown domains (they may do more than compute); nodes with nested graphs;
 * a result that is a graph output (two outputs need two names).
 * Source: value numbering.
 */
import {
  type Attribute,
  type Graph,
  type Node,
  nestedGraphs,
  operatorName,
  RANDOM_OPERATORS,
  type Tensor,
  tensorBytes,
} from '../../ir/index.ts'
import { type GraphEditor, type Pass, type RuleContext, runRules } from '../../rewrite/index.ts'

export const eliminateCommonSubexpressions: Pass = {
  id: 'eliminateCommonSubexpressions',
  summary: 'Computes what stands in the graph twice only once.',
  run(model) {
    const seen = new WeakMap<GraphEditor, Map<string, Node>>()
    const shared = new WeakMap<GraphEditor, ReadonlyMap<string, string>>()
    const apply = (node: Node, { editor }: RuleContext): boolean => {
      if (!shared.has(editor)) shared.set(editor, equalConstants(editor.graph))
      let changed = false
      let current = node
      for (const name of node.inputs) {
        const first = shared.get(editor)!.get(name)
        if (first === undefined || first === name) continue
        const next = { ...current, inputs: current.inputs.map((input) => (input === name ? first : input)) }
        editor.replace(current, next)
        current = next
        changed = true
      }
      const nodes = seen.get(editor) ?? new Map<string, Node>()
      seen.set(editor, nodes)
      return mergeNode(current, editor, nodes) || changed
    }
    return runRules(model, this.id, [{ roots: '*', apply }])
  },
}

function mergeNode(node: Node, editor: GraphEditor, nodes: Map<string, Node>): boolean {
  const domain = node.domain === '' || node.domain === 'ai.onnx.ml' || node.domain === 'com.microsoft'
  if (!domain || RANDOM_OPERATORS.has(node.opType) || node.inputs.length === 0 || !nestedGraphs(node).next().done)
    return false
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
  const groups = new Map<string, Tensor[]>()
  for (const [name, tensor] of graph.initializers) {
    if (inputs.has(name) || tensor.data.form === 'strings') continue
    const key = `${tensor.dtype}[${tensor.dims.join()}]`
    const group = groups.get(key)
    if (group) group.push({ ...tensor, name })
    else groups.set(key, [{ ...tensor, name }])
  }
  const equal = new Map<string, string>()
  for (const group of groups.values()) {
    if (group.length === 1) continue
    const byContent = new Map<number, Tensor[]>()
    for (const tensor of group) {
      const bytes = tensorBytes(tensor)
      const key = checksum(bytes)
      const same = (byContent.get(key) ?? []).find((other) => sameBytes(bytes, tensorBytes(other)))
      if (same) equal.set(tensor.name, same.name)
      else byContent.set(key, [...(byContent.get(key) ?? []), tensor])
    }
  }
  return equal
}

/** Bytes that the checksum looks at, spread evenly: weights are hardly ever equal, and reading them all costs. */
const SAMPLED = 256

/** FNV-1a over a sample: equal content has equal sums; what has equal sums is compared byte by byte. */
function checksum(bytes: Uint8Array): number {
  // Odd, so that it does not see the same byte of every number.
  const step = Math.ceil(bytes.length / SAMPLED) | 1
  let hash = 0x811c9dc5
  for (let i = 0; i < bytes.length; i += step) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  return hash >>> 0
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
