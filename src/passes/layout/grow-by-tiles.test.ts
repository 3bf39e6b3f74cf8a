import { expect, test } from 'vitest'
import { kernelsOf, modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, opsOf, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { type Model, tensorOf } from '../../ir/index.ts'
import { type GrowOptions, growByTiles } from './grow-by-tiles.ts'

const FLOOR = 'mode = "nearest", coordinate_transformation_mode = "asymmetric", nearest_mode = "floor"'

interface Network {
  readonly times?: number
  readonly attributes?: string
  readonly behind?: string
  readonly shape?: string
}

/** A convolution of these weights over pixels that are repeated, with something behind it. */
function network(
  weights: readonly number[],
  { times = 2, attributes = '<pads = [1, 1, 1, 1]>', behind = 'y = Relu(c)', shape = 'N,64,16,16' }: Network = {},
) {
  const model = modelWith(
    `g (float[${shape}] x) => (float y) {
      u = Resize<${FLOOR}>(x, , f)
      c = Conv${attributes}(u, w, b)
      ${behind}
    }`,
    { w: weights, b: [weights[0]!] },
  )
  const f = tensorOf('float32', [4], Float32Array.of(1, 1, times, times))
  return { ...model, graph: { ...model.graph, initializers: new Map([...model.graph.initializers, ['f', f]]) } }
}

const LAID = ['DepthToSpace', 'Slice']
const conv = (model: Model) => model.graph.nodes.find(({ opType }) => opType === 'Conv')!

test.each([
  ['a doubled picture', [16, 64, 3, 3], {}, [64, 64, 2, 2], LAID],
  ['no padding', [16, 64, 3, 3], { attributes: '' }, [64, 64, 2, 2], ['DepthToSpace']],
  ['padding of one side', [16, 64, 3, 3], { attributes: '<pads = [2, 0, 0, 1]>' }, [64, 64, 2, 2], LAID],
  ['wide padding', [16, 64, 3, 3], { attributes: '<pads = [3, 2, 4, 5]>' }, [64, 64, 2, 2], LAID],
  ['a wide window', [16, 64, 5, 5], { attributes: '<pads = [2, 2, 2, 2]>' }, [64, 64, 3, 3], ['DepthToSpace']],
  ['a long window', [16, 64, 1, 7], { attributes: '<pads = [0, 3, 0, 3]>' }, [64, 64, 1, 4], LAID],
  ['an even window', [16, 64, 4, 4], { attributes: '<auto_pad = "SAME_LOWER">' }, [64, 64, 3, 3], ['DepthToSpace']],
  ['padding by the runtime', [16, 64, 4, 4], { attributes: '<auto_pad = "SAME_UPPER">' }, [64, 64, 3, 3], LAID],
  ['a picture of three times the size', [16, 64, 3, 3], { times: 3 }, [144, 64, 2, 2], LAID],
  ['one of four times the size', [16, 64, 3, 3], { times: 4 }, [256, 64, 2, 2], LAID],
  ['an unknown size', [16, 64, 3, 3], { shape: 'N,64,H,W' }, [64, 64, 2, 2], LAID],
] as const)('%s: the same numbers from sums of weights', async (_, weights, options, tiled, laid) => {
  const { before, after } = await rewriteWith(growByTiles, network(weights, options))
  expect(opsOf(after)).toEqual(['Conv', 'Relu', ...laid])
  expect(after.graph.initializers.get(conv(after).inputs[1]!)?.dims).toEqual(tiled)
  await expectEqualModels(before, after, { samples: 2, sizes: { N: 2, H: 5, W: 3 } })
})

test.each([
  ['no activation', 'y = Neg(c)', ['Conv', ...LAID, 'Neg']],
  ['limits', 'low = Constant<value_float = -1.0>() y = Clip(c, low)', ['Conv', 'Constant', 'Clip', ...LAID]],
  ['two readers', 'r = Relu(c) y = Add(r, c)', ['Conv', ...LAID, 'Relu', 'Add']],
] as const)('%s behind it', async (_, behind, ops) => {
  const { before, after } = await rewriteWith(growByTiles, network([16, 64, 3, 3], { behind }))
  expect(opsOf(after)).toEqual(ops)
  await expectEqualModels(before, after, { samples: 1 })
})

test('a kernel of the runtime for each part, and the activation in the convolution', async () => {
  const { after } = await rewriteWith(growByTiles, network([64, 64, 3, 3]))
  expect(await kernelsOf(after)).toEqual({ Conv: 1, ReorderInput: 1, ReorderOutput: 1, DepthToSpace: 1, Slice: 1 })
})

test.each([
  ['one tap', network([16, 64, 1, 1], { attributes: '' }), {}],
  ['gaps', network([16, 64, 3, 3], { attributes: '<dilations = [2, 2]>' }), {}],
  ['steps', network([16, 64, 3, 3], { attributes: '<strides = [2, 2]>' }), {}],
  ['groups', network([64, 32, 3, 3], { attributes: '<group = 2>' }), {}],
  ['few channels in float', network([16, 16, 3, 3], { shape: 'N,16,24,24' }), {}],
  ['a few pixels', network([16, 64, 3, 3], { shape: 'N,64,1,1' }), {}],
  ['short rows of codes', network([5, 64, 3, 3]), { integers: true }],
  ['another reader of the large picture', network([64, 64, 3, 3], { behind: 'y = Add(c, u)' }), {}],
] as const)('%s: left alone', async (_, model, options: GrowOptions) => {
  const result = await growByTiles.run(model, options, [])
  expect(result.report.applied).toBe(0)
  expect(result.model).toBe(model)
})
