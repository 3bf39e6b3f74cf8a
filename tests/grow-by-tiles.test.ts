import { expect, test } from 'vitest'
import { tensorOf } from '../src/ir/index.ts'
import { KERNEL_REPAIRS, passes } from '../src/passes/index.ts'
import { inIntegers, kernelsOf, modelWith, randomValue, runOnce } from './quantize-kit.ts'

/** A convolution of 32 channels over a doubled picture, with something behind it. */
function doubled(behind: string) {
  const model = modelWith(
    `g (float[N,32,24,24] x) => (float y) {
      u = Resize<mode = "nearest", coordinate_transformation_mode = "asymmetric", nearest_mode = "floor">(x, , f)
      c = Conv<pads = [1, 1, 1, 1]>(u, w, b) ${behind} }`,
    { w: [16, 32, 3, 3], b: [16], v: [16, 16, 1, 1] },
  )
  const f = tensorOf('float32', [4], Float32Array.of(1, 1, 2, 2))
  return { ...model, graph: { ...model.graph, initializers: new Map([...model.graph.initializers, ['f', f]]) } }
}

test.each([
  ['Relu', 'r = Relu(c)'],
  ['LeakyRelu', 'r = LeakyRelu(c)'],
])('integers with %s: a picture of the same codes, laid by rows, from fewer products', async (_, active) => {
  const model = doubled(`${active} y = Conv(r, v)`)
  const { model: grown, report } = await passes.growByTiles!.run(model, { integers: true } as never, [])
  expect(report.applied).toBe(1)
  const feeds = { x: randomValue([2, 32, 24, 24], 3) }
  let after = (await inIntegers(grown, feeds)).model
  for (const id of KERNEL_REPAIRS) after = (await passes[id]!.run(after, {} as never, [])).model
  const kernels = await kernelsOf(after)
  expect(kernels).toMatchObject({ QLinearConv: 2 })
  for (const slow of ['Conv', 'Resize', 'DepthToSpace', 'Expand']) expect(kernels).not.toHaveProperty(slow)
  const [exact, near] = [(await runOnce(model, feeds)).y!, (await runOnce(after, feeds)).y!].map(({ data }) =>
    Array.from(data as Float32Array),
  )
  const power = (numbers: readonly number[]) => numbers.reduce((sum, x) => sum + x * x, 0)
  expect(power(exact!) / power(exact!.map((x, i) => x - near![i]!))).toBeGreaterThan(1000)
})
