import { expect, test } from 'vitest'
import { rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { parseModel, stringAttribute } from '../../ir/index.ts'
import { recogniseDepthToSpace } from './recognise-depth-to-space.ts'

const CRD = { apart: '-1, 2, 3, 3, 4, 5', perm: '0, 1, 4, 2, 5, 3', back: '-1, 2, 12, 15' }
const DCR = { apart: '0, 3, 3, 2, 4, 5', perm: '0, 3, 4, 1, 5, 2', back: '0, 2, 12, 15' }

const tiles = ({
  apart = CRD.apart,
  perm = CRD.perm,
  back = CRD.back,
  shape = 'N,18,4,5',
  more = 'y = Neg(s)',
  type = 'float',
  opset = 18,
}) =>
  parseModel(`<ir_version: 8, opset_import: ["" : ${opset}]> g (${type}[${shape}] x) => (${type} y)
    <int64[6] apart = {${apart}}, int64[4] back = {${back}}>
    { a = Reshape(x, apart) t = Transpose<perm = [${perm}]>(a) s = Reshape(t, back) ${more} }`)

test.each([
  ['CRD', CRD],
  ['DCR', DCR],
])('channels laid as tiles in the order %s are one DepthToSpace', async (mode, sizes) => {
  const { after, ops } = await rewriteEqually(recogniseDepthToSpace, tiles(sizes))
  expect(ops).toEqual(['DepthToSpace', 'Neg'])
  expect(stringAttribute(after.graph.nodes[0]!, 'mode', '')).toBe(mode)
})

test.each([
  ['another order', tiles({ perm: '0, 1, 4, 3, 5, 2' })],
  ['tiles that are not square', tiles({ apart: '-1, 1, 2, 9, 4, 5', back: '-1, 1, 8, 45' })],
  ['rows that change places with channels', tiles({ apart: '-1, 4, 3, 3, 2, 5', back: '-1, 4, 6, 15' })],
  ['another picture behind', tiles({ back: '-1, 2, 15, 12' })],
  ['a picture of unknown sizes', tiles({ shape: 'N,18,H,W' })],
  ['integers', tiles({ type: 'int32' })],
  ['an operator set that knows no mode', tiles({ opset: 10 })],
  ['a value in front that is read elsewhere', tiles({ more: 'u = ReduceSum(a) y = Add(s, u)' })],
  ['an inner value that is read elsewhere', tiles({ more: 'u = ReduceSum(t) y = Add(s, u)' })],
])('%s stay as they are', async (_, model) => {
  expect((await rewriteWith(recogniseDepthToSpace, model)).report.applied).toBe(0)
})
