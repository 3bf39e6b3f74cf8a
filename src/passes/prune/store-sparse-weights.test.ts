import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ortNode, reference } from '../../engine/index.ts'
import { checkModel, elementCount, inferTypes, type Model, parseModel, tensorOf, tensorValues } from '../../ir/index.ts'
import { decodeModel, encodeModel, modelBytes } from '../../onnx/index.ts'
import type { Pass } from '../../rewrite/index.ts'
import { readSparseWeights, storeSparseWeights } from './index.ts'

/** x · w, with these numbers for w. */
function product(dims: readonly [number, number], values: Float32Array, opset = 21): Model {
  const model = parseModel(`<ir_version: 10, opset_import: ["" : ${opset}]>
    g (float[rows,${dims[0]}] x) => (float[rows,${dims[1]}] y) <float[${dims.join(',')}] w = {${Array.from(values, () => 0)}}>
    { y = MatMul (x, w) }`)
  const initializers = new Map([['w', tensorOf('float32', dims, values, 'w')]])
  return { ...model, graph: { ...model.graph, initializers } }
}

/** Numbers of which about `share` are zero, by place. */
const sparse = (count: number, share: number) =>
  Float32Array.from({ length: count }, (_, i) => ((i * 7919) % 1000 < 1000 * share ? 0 : Math.sin(i) + 1.5))

/** The model behind the pass, and what the pass says of it. */
const through = async (pass: Pass, model: Model) => pass.run(model, {}, [])

const weightsOf = (model: Model) => tensorValues(model.graph.initializers.get('w')!)

describe('weights with many zeros', () => {
  test('stored and read again they are the same, for any size and any zeros', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 25, max: 60 }),
        fc.integer({ min: 25, max: 60 }),
        fc.double({ min: 0.4, max: 1, noNaN: true }),
        async (inputs, outputs, share) => {
          const model = product([inputs, outputs], sparse(inputs * outputs, share))
          const stored = (await through(storeSparseWeights, model)).model
          const back = (await through(readSparseWeights, stored)).model
          expect(weightsOf(back)).toEqual(weightsOf(model))
          expect(back.graph.nodes.map(({ opType }) => opType)).toEqual(['MatMul'])
          expect([...back.graph.initializers.keys()]).toEqual(['w'])
        },
      ),
      { numRuns: 30 },
    )
  })

  test('the runtime and the reference compute what they computed before, from a file as small as it is said to be', async () => {
    // 61 × 67 numbers do not fill their last byte.
    const dims = [61, 67] as const
    const model = product(dims, sparse(elementCount(dims), 0.7))
    const { model: stored, report } = await through(storeSparseWeights, model)
    expect(report).toEqual({ id: 'storeSparseWeights', applied: 1, refused: [] })
    expect(checkModel(stored)).toEqual([])
    expect(inferTypes(stored).get('w')).toEqual(
      inferTypes(model).get('w') ?? { kind: 'tensor', dtype: 'float32', shape: dims },
    )
    const bytes = elementCount(dims) * (4 * 0.3 + 1 / 8)
    expect(modelBytes(stored)).toBeLessThan(bytes + 1500)
    expect(modelBytes(stored)).toBeLessThan(modelBytes(model) / 2)
    const x = {
      dtype: 'float32',
      dims: [3, 61],
      data: Float32Array.from({ length: 183 }, (_, i) => Math.cos(i)),
    } as const
    for (const engine of [ortNode, reference]) {
      const answers = await Promise.all(
        [model, decodeModel(encodeModel(stored))].map(async (form) => {
          const session = await engine.open(form)
          const results = await session.run({ x })
          await session.close()
          return results.y!.data
        }),
      )
      expect(answers[1]).toEqual(answers[0])
    }
  })

  test.each([
    ['few zeros', product([40, 40], sparse(1600, 0.05))],
    ['few weights', product([8, 8], sparse(64, 0.9))],
  ])('%s: nothing to save, nothing done', async (_, model) => {
    expect((await through(storeSparseWeights, model)).model).toBe(model)
    expect((await through(readSparseWeights, model)).model).toBe(model)
  })

  test('operator sets without BitwiseAnd are refused with the reason', async () => {
    const model = product([40, 40], sparse(1600, 0.8), 17)
    const { model: same, report } = await through(storeSparseWeights, model)
    expect(same).toBe(model)
    expect(report.refused[0]!.reason).toContain('operator set 17')
  })
})
