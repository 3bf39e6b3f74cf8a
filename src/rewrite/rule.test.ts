import { expect, test } from 'vitest'
import { type Graph, type Model, makeNode } from '../ir/index.ts'
import { runRules } from './rule.ts'

const value = (name: string) => ({ name, type: { kind: 'tensor', dtype: 'float32', shape: null } }) as const
const graph = (nodes: Graph['nodes']): Graph => ({
  name: 'g',
  nodes,
  inputs: [value('x')],
  outputs: [value('y')],
  initializers: new Map(),
  valueInfos: new Map(),
})
const model = (g: Graph): Model => ({
  irVersion: 10,
  opsets: new Map([['', 20]]),
  producerName: '',
  producerVersion: '',
  domain: '',
  modelVersion: 0n,
  docString: '',
  graph: g,
  functions: [],
  metadata: [],
})
const dropIdentity = {
  roots: ['Identity'],
  apply: (node: Graph['nodes'][number], { editor }: Parameters<Parameters<typeof runRules>[2][number]['apply']>[1]) =>
    editor.bypass(node.outputs[0]!, node.inputs[0]!) || { refused: 'connects an input with an output' },
}

test('a bypassed output keeps its name', () => {
  const before = graph([makeNode('Relu', ['x'], ['a']), makeNode('Identity', ['a'], ['y'])])
  const { model: after, report } = runRules(model(before), 'drop', [dropIdentity])
  expect(after.graph.nodes.map((n) => [n.opType, ...n.inputs, ...n.outputs])).toEqual([['Relu', 'x', 'y']])
  expect(report).toEqual({ id: 'drop', applied: 1, refused: [] })
})

test('an identity between an input and an output is refused with its reason, and the model is the same object', () => {
  const before = model(graph([makeNode('Identity', ['x'], ['y'])]))
  const { model: after, report } = runRules(before, 'drop', [dropIdentity])
  expect(after).toBe(before)
  expect(report.refused).toEqual([{ node: 'y', reason: 'connects an input with an output' }])
})

test('reads inside nested graphs follow a redirect', () => {
  const branch = { ...graph([makeNode('Neg', ['a2'], ['n'])]), inputs: [], outputs: [value('n')] }
  const before = graph([
    makeNode('Relu', ['x'], ['a']),
    makeNode('Identity', ['a'], ['a2']),
    makeNode('If', ['x'], ['y'], {
      attributes: { then_branch: { type: 'graph', value: branch }, else_branch: { type: 'graph', value: branch } },
    }),
  ])
  const { model: after } = runRules(model(before), 'drop', [dropIdentity])
  const held = after.graph.nodes.at(-1)!.attributes.get('then_branch')
  expect(held?.type === 'graph' && held.value.nodes[0]!.inputs).toEqual(['a'])
})

test('types are inferred once, and only where a rule asks for them', () => {
  const types = new Map([['a', value('a').type]])
  const plain = model(graph([makeNode('Relu', ['x'], ['a']), makeNode('Relu', ['a'], ['y'])]))
  let inferred = 0
  // Whoever infers looks at the functions first, and a model that nothing was changed of is not looked at otherwise.
  const before = {
    ...plain,
    get functions() {
      inferred++
      return plain.functions
    },
  }
  runRules(before, 'idle', [{ roots: ['Relu'], apply: () => false }])
  expect(inferred).toBe(0)
  const seen: unknown[] = []
  const asking = {
    roots: ['Relu'],
    apply: (_: unknown, context: { types: ReadonlyMap<string, unknown> }) => !seen.push(context.types.get('a')),
  }
  runRules(before, 'asking', [asking])
  expect(inferred).toBe(1)
  expect(seen).toEqual([types.get('a'), types.get('a')])
})
