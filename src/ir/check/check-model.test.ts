import { expect, test } from 'vitest'
import { inMemory, type Model, parseModel } from '../index.ts'
import { checkModel } from './check-model.ts'

const found = (model: string | Model): readonly string[] =>
  checkModel(typeof model === 'string' ? parseModel(model) : model).map(({ where, what }) => `${where}: ${what}`)

const valid = `<ir_version: 10, opset_import: ["" : 20, "my" : 1]>
  g (float[N,3] x, bool c) => (float[N,3] y, float[N,3] z) <float[3] w = {1, 2, 3}, float[N,3] a> {
    a = Add (x, w)
    b = my.Twice <n = 2> (a)
    y = If (c) <then_branch = yes () => (float[N,3] t) { t = Relu (b) }, else_branch = no () => (float[N,3] e) { e = Neg (a) }>
    z, _ = Dropout (y, , )
  }
  <domain: "my", opset_import: ["" : 20]> Twice <n> (v) => (s) { k = Cast <to: int = @n> (v)  s = Add (v, v) }`

test('a valid model with branches and functions has no problem', () => {
  expect(found(valid)).toEqual([])
})

const body = (nodes: string, inputs = 'float[2] x', head = 'ir_version: 10, opset_import: ["" : 20]', inner = '') =>
  `<${head}> g (${inputs}) => (float[2] y) ${inner} { ${nodes} }`

test.each([
  ['an undefined input', body('y = Add (x, q)'), "y: reads 'q', which nothing makes in 'g'"],
  ['an order that is no order', body('y = Relu (a) a = Neg (x)'), "y: reads 'a' before it is made"],
  ['a value made twice', body('a = Neg (x) a = Abs (x) y = Relu (a)'), 'a: is made twice, the second time by a'],
  ['an input made again', body('x = Neg (x) y = Relu (x)'), 'x: is made twice, the second time by x'],
  ['an input named twice', body('y = Relu (x)', 'float[2] x, float[2] x'), "x: is an input of 'g' twice"],
  ['an output that nothing makes', body('a = Relu (x)'), "y: is an output of 'g' that nothing makes"],
  ['an unknown operator', body('y = Frobnicate (x)'), 'y: there is no operator Frobnicate'],
  [
    'an operator that is too new',
    body('y = Gelu (x)', undefined, 'ir_version: 10, opset_import: ["" : 17]'),
    'y: Gelu came with operator set 20, and the model imports 17',
  ],
  [
    'an operator that is gone',
    body('y = Upsample (x, s)', 'float[2] x, float[1] s'),
    'y: Upsample does not exist any more in operator set 20',
  ],
  ['too many inputs', body('y = Relu (x, x)'), 'y: Relu takes 1 inputs and has 2'],
  ['too few inputs', body('y = Add (x)'), 'y: Add takes 2 inputs and has 1'],
  ['an omitted input that is needed', body('y = Add (, x)'), 'y: input 0 of Add cannot be omitted'],
  ['too many outputs', body('y, z = Relu (x)'), 'y: Relu makes 1 outputs and has 2'],
  ['an unknown attribute', body('y = Relu <alpha = 1.0> (x)'), 'y: Relu has no attribute alpha'],
  [
    'an attribute of the wrong type',
    body('y = LeakyRelu <alpha = 1> (x)'),
    'y: attribute alpha of LeakyRelu is of type int, and float is expected',
  ],
  ['a missing attribute', body('y = Cast (x)'), 'y: Cast needs the attribute to'],
  [
    'a domain without an import',
    body('y = com.microsoft.QuickGelu (x)'),
    "y: is of the domain 'com.microsoft', of which no operator set is imported",
  ],
  [
    'no IR version',
    body('y = Relu (x)', undefined, 'ir_version: 0, opset_import: ["" : 20]'),
    'model: has no IR version',
  ],
  [
    'a constant that old models must list as an input',
    body('y = Add (x, w)', undefined, 'ir_version: 3, opset_import: ["" : 8]', '<float[2] w = {1, 2}>'),
    'w: is a constant that is no input, which IR version 3 does not allow',
  ],
  [
    'operands of two types',
    body('y = Add (x, i)', 'float[2] x, int64[2] i'),
    'y: inputs 0 and 1 of Add must have one type, and are float[2] and int64[2]',
  ],
  ['an operand of a wrong type', body('y = Relu (i)', 'string[2] i'), 'y: input 0 of Relu cannot be string[2]'],
  [
    'a declared element type that is not true',
    body('y = Cast <to = 7> (x)'),
    'y: declared as float32, but its elements are int64',
  ],
  [
    'a declared size that is not true',
    body('y = Concat <axis = 0> (x, x)'),
    'y: dimension 0 is declared as 2, but it is 4',
  ],
  [
    'a declared rank that is not true',
    body('u = Relu (x) y = Identity (x)', undefined, undefined, '<float[1,2] u>'),
    'u: declared with 2 dimensions, but it has 1',
  ],
  ['an input without a type', body('y = Identity (x)', 'x'), 'x: is an input without a type'],
  [
    'a reference outside functions',
    body('y = LeakyRelu <alpha: float = @alpha> (x)'),
    "y: attribute alpha refers to 'alpha', which no function around it has",
  ],
  [
    'a branch that reads what is inside the other',
    valid.replace('Neg (a)', 'Neg (t)'),
    "e: reads 't', which nothing makes in 'no'",
  ],
  [
    'a branch that takes a name from around it',
    valid.replace('(float[N,3] t) { t = Relu', '(float[N,3] a) { a = Relu'),
    "a: is made in 'yes' although the graph around it has that name",
  ],
  [
    'a function called with too much',
    valid.replace('<n = 2> (a)', '<n = 2> (a, a)'),
    'b: function my.Twice takes 1 inputs and is given 2',
  ],
  [
    'a function called without its attribute',
    valid.replace('<n = 2> (a)', '(a)'),
    'b: function my.Twice needs the attribute n',
  ],
  [
    'a function that reads what it was not given',
    valid.replace('Add (v, v)', 'Add (v, x)'),
    "s: reads 'x', which nothing makes in 'function my.Twice'",
  ],
  [
    'a function defined twice',
    `${valid} <domain: "my", opset_import: ["" : 20]> Twice <n> (v) => (s) { s = Add (v, v) }`,
    'function my.Twice: is defined twice',
  ],
])('finds %s', (_, text, problem) => {
  expect(found(text)).toContain(problem)
})

test('finds constants whose bytes do not fit their dimensions, in graphs and in attributes', () => {
  const model = parseModel(
    body('k = Constant <value = float[2] {1, 2}> () y = Add (k, w)', 'float[2] x', undefined, '<float[2] w = {1, 2}>'),
  )
  const short = { form: 'raw', bytes: inMemory(new Uint8Array(7)) } as const
  const w = { ...model.graph.initializers.get('w')!, data: short }
  const nodes = model.graph.nodes.map((node) => {
    const value = node.attributes.get('value')
    if (value?.type !== 'tensor') return node
    return { ...node, attributes: new Map([['value', { ...value, value: { ...value.value, data: short } }]]) }
  })
  const broken = { ...model, graph: { ...model.graph, nodes, initializers: new Map([['w', w]]) } }
  expect(found(broken)).toEqual([
    'w: float32[2] needs 8 bytes and has 7',
    'k value: float32[2] needs 8 bytes and has 7',
  ])
})
