import { expect, test } from 'vitest'
import { rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { moveAxesInTurn } from './move-axes-in-turn.ts'

const model = (input: string, body: string, output = 'float[A,B,C,D] y') =>
  `<ir_version: 8, opset_import: ["" : 20]> g (${input}) => (${output}) { ${body} }`
const MOVES = ['Reshape', 'Transpose', 'Reshape', 'Transpose', 'Reshape']

test.each([
  ['DCR', 'a block of 2', 'float[1,12,80,72] x', 'y = DepthToSpace<blocksize = 2>(x)'],
  ['CRD', 'a block of 3', 'float[1,18,60,72] x', 'y = DepthToSpace<blocksize = 3, mode = "CRD">(x)'],
  ['CRD', 'one channel', 'float[1,16,80,72] x', 'y = DepthToSpace<blocksize = 4, mode = "CRD">(x)'],
  ['DCR', 'a free batch', 'float[N,12,80,72] x', 'y = DepthToSpace<blocksize = 2>(x)'],
] as const)('DepthToSpace, %s, %s', async (_, __, input, body) => {
  expect((await rewriteEqually(moveAxesInTurn, model(input, body))).ops).toEqual(MOVES)
})

test.each([
  ['pixels from channels', [0, 1, 4, 2, 5, 3], 'float[1,3,2,2,80,72] x'],
  ['channels last to tiles', [0, 3, 1, 4, 2, 5], 'float[1,80,72,3,2,2] x'],
  ['the other way round', [4, 3, 2, 1, 0], 'float[32,1,20,1,144] x'],
] as const)('a Transpose: %s', async (_, perm, input) => {
  const source = model(input, `y = Transpose<perm = [${perm}]>(x)`, `float[${perm.map((i) => `A${i}`)}] y`)
  const { before, ops, reasons } = await rewriteEqually(moveAxesInTurn, source)
  expect(reasons).toEqual([])
  // Three axes in the opposite order take two moves.
  expect(ops).toEqual(MOVES)
  expect(before.graph.nodes).toHaveLength(1)
})

test.each([
  ['one axis that moves', 'float[1,64,32,32] x', 'y = Transpose<perm = [0, 2, 3, 1]>(x)', []],
  ['rows that stay together', 'float[8,16,8,128] x', 'y = Transpose<perm = [2, 1, 0, 3]>(x)', []],
  ['few numbers', 'float[1,4,16,16] x', 'y = DepthToSpace<blocksize = 2>(x)', []],
  ['sizes of nothing', 'float[0,12,80,72] x', 'y = DepthToSpace<blocksize = 2>(x)', []],
  ['open sizes', 'float[N,12,8000,W] x', 'y = DepthToSpace<blocksize = 2>(x)', [/known only when it runs/]],
] as const)('left alone: %s', async (_, input, body, reasons) => {
  const { before, after, reasons: told } = await rewriteWith(moveAxesInTurn, model(input, body))
  expect(after).toBe(before)
  expect(told).toEqual(reasons.map((reason) => expect.stringMatching(reason)))
})
