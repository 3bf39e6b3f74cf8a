import { expect, test } from 'vitest'
import { makeNode, parseModel, tensorOf } from '../ir/index.ts'
import { GraphEditor } from './graph-editor.ts'
import {
  any,
  constant,
  either,
  match,
  op,
  replaceMatch,
  scalar,
  scalarNamed,
  scalarValue,
  sharedInside,
} from './pattern.ts'
import { runRules } from './rule.ts'

const head = '<ir_version: 10, opset_import: ["" : 20]>'
const editorOf = (body: string, outputs = 'float[N] y') =>
  new GraphEditor(
    parseModel(`${head} g (float[N] x, float[N] z) => (${outputs}) <float two = {2}, float[3] w = {1,2,3}> { ${body} }`)
      .graph,
  )

const x = any('x')
const doubled = op('Add', [op('Mul', [x, scalar(2)]), x])

test('commutative operators match in either order, and a name is one value', () => {
  for (const body of ['a = Mul(x, two) y = Add(a, x)', 'a = Mul(two, x) y = Add(x, a)']) {
    const found = match(editorOf(body), 'y', doubled)
    expect(found?.value('x')).toBe('x')
    expect(found?.nodes.map(({ opType }) => opType)).toEqual(['Add', 'Mul'])
  }
  expect(match(editorOf('a = Mul(z, two) y = Add(a, x)'), 'y', doubled)).toBeUndefined()
})

test('a constant that is no real number is not taken for one', () => {
  const complex = tensorOf('complex64', [], [1, 2])
  const text = { ...complex, dtype: 'string', data: { form: 'strings', values: [new Uint8Array(0)] } } as const
  expect([complex, text].map(scalarValue)).toEqual([undefined, undefined])
})

test('what an order bound is forgotten when it does not fit', () => {
  const found = match(editorOf('n = Neg(z) y = Mul(n, x)'), 'y', op('Mul', [any('a'), op('Neg', [any('b')])]))
  expect([found?.value('a'), found?.value('b')]).toEqual(['x', 'z'])
  expect(found?.nodes.length).toBe(2)
})

test('constants, scalars, alternatives and conditions', () => {
  const editor = editorOf('a = Mul(x, w) y = Div(a, two)')
  expect(match(editor, 'y', op('Div', [op('Mul', [x, constant('w')]), scalarNamed('d')]))?.value('d')).toBe('two')
  expect(match(editor, 'y', op('Div', [op('Mul', [x, scalarNamed('w')]), scalar(2)]))).toBeUndefined()
  expect(match(editor, 'y', either(op('Mul', [x, x]), op('Div', [x, scalar(2)])))?.value('x')).toBe('a')
  expect(
    match(
      editor,
      'y',
      op('Div', [x, scalar(2)], (node) => node.name !== ''),
    ),
  ).toBeUndefined()
  expect(() => match(editor, 'y', op('Div', [x, scalar(2)]))!.value('nothing')).toThrow(
    'internal: the pattern binds no nothing',
  )
})

test('inner values that others see are named', () => {
  const shared = (body: string, outputs?: string) => {
    const editor = editorOf(body, outputs)
    return sharedInside(editor, match(editor, 'y', doubled)!)
  }
  expect(shared('a = Mul(x, two) y = Add(a, x)')).toBeUndefined()
  expect(shared('a = Mul(x, two) y = Add(a, x) b = Neg(a)')).toBe('inner value a is also read by b')
  expect(shared('a = Mul(x, two) y = Add(a, x)', 'float[N] y, float[N] a')).toBe('inner value a is a graph output')
})

test('a replaced match takes along what nothing else needs', () => {
  const editor = editorOf('n = Neg(x) a = Mul(n, two) y = Add(a, n)')
  replaceMatch(editor, match(editor, 'y', doubled)!, makeNode('Relu', ['x'], ['y']))
  expect(editor.finish().nodes.map(({ opType }) => opType)).toEqual(['Relu'])
})

test('constants take the place of a node and of what only it needed', () => {
  const editor = editorOf('s = Shape(x) c = Cast<to = 1>(s) y = Add(x, c)')
  editor.replaceByConstants(editor.producer('c')!, [tensorOf('float32', [1], [4])])
  const { nodes, initializers } = editor.finish()
  expect(nodes.map(({ opType }) => opType)).toEqual(['Add'])
  expect(initializers.get('c')).toMatchObject({ name: 'c', dims: [1] })
})

test('a node whose other results are needed is not bypassed at an output', () => {
  const editor = editorOf('a = Neg(x) y, m = Dropout(a) k = Not(m)', 'float[N] y, bool[N] k')
  expect(editor.bypass('y', 'a')).toBe(false)
  expect(editor.changed).toBe(false)
})

test('names that one graph makes are not made again in a graph inside it', () => {
  const source = `${head} g (float[N] x, bool c) => (float[N] y) { a = Neg(x) y = If(c)
    <then_branch = t () => (float[N] p) { p = Neg(a) }, else_branch = e () => (float[N] q) { q = Neg(a) }> }`
  const made: string[] = []
  runRules(parseModel(source), 'name', [
    {
      roots: ['Neg'],
      apply(node, { editor }) {
        if (node.name !== '') return false
        made.push(editor.freshName('fresh'))
        editor.replace(node, { ...node, name: 'seen' })
        return true
      },
    },
  ])
  expect(made).toEqual(['fresh', 'fresh_1', 'fresh_2'])
})

test('rules with the root * see every node, and a chain is walked once', () => {
  const body = Array.from({ length: 50 }, (_, i) => `v${i + 1} = Identity(${i === 0 ? 'x' : `v${i}`})`).join(' ')
  let asked = 0
  const { report } = runRules(parseModel(`${head} g (float[N] x) => (float[N] y) { ${body} y = Neg(v50) }`), 'drop', [
    {
      roots: '*',
      apply(node, { editor }) {
        asked++
        return node.opType === 'Identity' && editor.bypass(node.outputs[0]!, node.inputs[0]!)
      },
    },
  ])
  expect(report.applied).toBe(50)
  expect(asked).toBe(52)
})
