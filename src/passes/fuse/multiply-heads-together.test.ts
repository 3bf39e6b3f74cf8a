import { expect, test } from 'vitest'
import { rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { parseModel } from '../../ir/index.ts'
import { multiplyHeadsTogether } from './multiply-heads-together.ts'

const CONSTANTS =
  'int64[1] two = {2}, int64[5] grown = {1, 1, 3, 1, 1}, int64[4] flat = {0, 6, -1, 4}, float scale = {0.5}'
const REPEAT = 'u = Unsqueeze(k, two) e = Expand(u, grown) r = Reshape(e, flat)'
const model = (body: string, constants = CONSTANTS, a = 'N,6,L,4', k = 'N,2,T,4', y = 'N,6,L,T') =>
  `<ir_version: 8, opset_import: ["" : 17]> g (float[${a}] a, float[${k}] k) => (float[${y}] y) <${constants}> { ${body} }`
/** The model with a name for every node. */
const named = (body: string) => {
  const { graph, ...rest } = parseModel(model(body))
  return {
    ...rest,
    graph: { ...graph, nodes: graph.nodes.map((node) => ({ ...node, name: `node of ${node.outputs[0]}` })) },
  }
}
const SIZES = { sizes: { N: 2, L: 3, T: 5 } }
const OPERATORS = ['Reshape', 'Transpose', 'MatMul', 'Reshape']

test('keys that several heads of queries share are not written out, and the scale stays behind the product', async () => {
  const keys = `${REPEAT} t = Transpose<perm = [0, 1, 3, 2]>(r)`
  const plain = await rewriteEqually(multiplyHeadsTogether, named(`${keys} y = MatMul(a, t)`), SIZES)
  expect(new Set(plain.after.graph.nodes.map(({ name }) => name)).size).toBe(OPERATORS.length)
  expect(plain.ops).toEqual(OPERATORS)
  for (const scaled of ['y = Div(p, scale)', 'y = Mul(scale, p)']) {
    const { after, ops } = await rewriteEqually(
      multiplyHeadsTogether,
      named(`${keys} p = MatMul(a, t) ${scaled}`),
      SIZES,
    )
    const names = after.graph.nodes.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(names).toEqual(expect.arrayContaining(['node of p', 'node of y']))
    expect(ops).toEqual([...OPERATORS.slice(0, 3), scaled.includes('Div') ? 'Div' : 'Mul', 'Reshape'])
  }
})

test('values that several heads share are not written out', async () => {
  const source = model(`${REPEAT} y = MatMul(a, r)`, CONSTANTS, 'N,6,L,T', 'N,2,T,4', 'N,6,L,4')
  expect((await rewriteEqually(multiplyHeadsTogether, source, SIZES)).ops).toEqual(['Reshape', 'MatMul', 'Reshape'])
})

test('what is read elsewhere is still written out', async () => {
  const body = `${REPEAT} p = MatMul(a, r) s = ReduceSum<keepdims = 0>(r) y = Add(p, s)`
  const source = model(body, CONSTANTS, 'N,6,L,T', 'N,2,T,4', 'N,6,L,4')
  expect((await rewriteEqually(multiplyHeadsTogether, source, SIZES)).ops).toContain('Expand')
})

test.each([
  ['heads that are repeated as a whole', 'grown', '{1, 3, 1, 1, 1}', 'two', '{1}'],
  ['a size that grows with them', 'grown', '{2, 1, 3, 1, 1}', 'flat', '{-1, 6, 5, 4}'],
  ['rows that are cut otherwise', 'flat', '{-1, 6, 10, 2}', 'flat', '{-1, 6, 10, 2}'],
])('left as they are: %s', async (_, one, value, other, also) => {
  const put = (text: string, name: string, to: string) => text.replace(new RegExp(`(${name} = )\\{[^}]*\\}`), `$1${to}`)
  const constants = put(put(CONSTANTS, one, value), other, also)
  const k = one === 'grown' && value.startsWith('{2') ? '1,2,5,4' : '2,2,5,4'
  const source = model(`${REPEAT} t = Transpose<perm = [0, 1, 3, 2]>(r) y = MatMul(a, t)`, constants, 'N,6,L,D', k)
  expect((await rewriteWith(multiplyHeadsTogether, source)).report.applied).toBe(0)
})

test('one head of queries for all is refused, and another turn of axes left', async () => {
  const one = model(`${REPEAT} y = MatMul(a, r)`, CONSTANTS, 'N,1,L,T', 'N,2,T,4', 'N,6,L,4')
  expect((await rewriteWith(multiplyHeadsTogether, one)).reasons.join()).toMatch('as many heads')
  const turned = model(`${REPEAT} t = Transpose<perm = [1, 0, 3, 2]>(r) y = MatMul(a, t)`)
  expect((await rewriteWith(multiplyHeadsTogether, parseModel(turned))).report.applied).toBe(0)
})
