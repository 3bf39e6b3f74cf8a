import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { intAttribute, tensorOf, tensorValues } from '../../ir/index.ts'
import { groupDiagonal } from './group-diagonal.ts'

/** A tap of the first row and the last column of weights [6, 6, 2, 2]. */
const STRAY = 6 * 4 - 1

/** A convolution whose weights are 0 wherever row and column of the first two axes are not in the same of `groups`. */
function model(operator: string, dims: readonly [number, number, ...number[]], groups: number, stray = false) {
  const [rows, columns, ...kernel] = dims
  const channels = operator.startsWith('Conv<') ? columns : rows
  const places = kernel.map(() => 7).join()
  const source = `g (float[N,${channels},${places}] x) => (float y) { y = ${operator}(x, w, b) }`
  const built = modelWith(source, { w: [...dims], b: [operator.startsWith('Conv<') ? rows : columns] })
  const taps = kernel.reduce((product, size) => product * size, 1)
  const values = Float32Array.from(tensorValues(built.graph.initializers.get('w')!) as Float32Array, (value, i) => {
    const [row, column] = [Math.floor(i / (columns * taps)), Math.floor(i / taps) % columns]
    if (stray && i === STRAY) return value
    return Math.floor(row / (rows / groups)) === Math.floor(column / (columns / groups)) ? value : 0
  })
  const initializers = new Map([...built.graph.initializers, ['w', tensorOf('float32', dims, values, 'w')]])
  return { ...built, graph: { ...built.graph, initializers } }
}

test.each([
  ['a picture that grows', 'ConvTranspose<strides = [2, 2], pads = [1, 1, 1, 1]>', [5, 5, 4, 4], 5],
  ['a blur', 'Conv<pads = [1, 1, 1, 1], strides = [2, 2]>', [6, 6, 3, 3], 6],
  ['factors', 'Conv<kernel_shape = [1, 1]>', [4, 4, 1, 1], 4],
  ['a line', 'Conv<dilations = [2]>', [3, 3, 2], 3],
  ['wide groups', 'Conv<pads = [1, 1, 0, 0]>', [64, 32, 2, 2], 2],
  ['wide groups that grow', 'ConvTranspose<strides = [2, 2]>', [32, 96, 2, 2], 2],
] as const)('channels that do not hear each other get groups: %s', async (_, operator, dims, groups) => {
  const { before, after, ops } = await rewriteWith(groupDiagonal, model(operator, dims, groups))
  expect(ops).toEqual([operator.split('<')[0]])
  const [node] = after.graph.nodes
  expect(intAttribute(node!, 'group', 1)).toBe(groups)
  const [rows, columns, ...kernel] = dims as readonly number[]
  expect(after.graph.initializers.get(node!.inputs[1]!)!.dims).toEqual([rows, columns! / groups, ...kernel])
  await expectEqualModels(before, after)
})

test.each([
  ['one weight beside the diagonal', 'Conv<kernel_shape = [2, 2]>', [6, 6, 2, 2], 6, true],
  ['narrow groups of more than one', 'Conv<kernel_shape = [2, 2]>', [8, 8, 2, 2], 2, false],
  ['two outputs a channel', 'Conv<kernel_shape = [2, 2]>', [8, 4, 2, 2], 4, false],
] as const)('left alone: %s', async (_, operator, dims, groups, stray) => {
  const { report } = await rewriteWith(groupDiagonal, model(operator, dims, groups, stray))
  expect(report.applied).toBe(0)
})

test('groups stay as they are', async () => {
  const source = modelWith('g (float[1,4,7,7] x) => (float y) { y = Conv<group = 2>(x, w) }', { w: [4, 2, 2, 2] })
  expect((await rewriteWith(groupDiagonal, source)).report.applied).toBe(0)
})

test('where groups narrower than a block make up whole blocks, these are the groups', async () => {
  const { after } = await rewriteWith(groupDiagonal, model('Conv<kernel_shape = [2, 2]>', [32, 32, 2, 2], 8))
  expect(intAttribute(after.graph.nodes[0]!, 'group', 1)).toBe(2)
})
