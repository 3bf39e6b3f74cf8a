import { describe, expect, test } from 'vitest'
import { parseModel, tensorOf } from '../../../ir/index.ts'
import { modelDigest } from '../../../onnx/index.ts'
import { sha256 } from '../../../platform/index.ts'
import { quantizeWeights } from '../index.ts'
import type { BlockCodes } from './block-codes.ts'
import { type BlockTask, codeBlocks, joinCodes, splitTask } from './code-blocks.ts'

/** Numbers of no particular pattern. */
const numbers = (count: number, seed: number) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin((i + 1) * (seed + 0.37)) * (1 + ((i * 31) % 17)))

function task(rows: number, columns: number, options: Partial<BlockTask> = {}): BlockTask {
  return {
    values: numbers(rows * columns, 1),
    ...{ rows, columns, block: 16, gram: null, options: { bits: 4, symmetric: false, fit: 'rtn' } },
    ...options,
  }
}

/** A matrix that rows of inputs gave: Σ x xᵀ over more rows than it has. */
function gramOf(size: number): Float32Array {
  const gram = new Float32Array(size * size)
  for (let row = 0; row < 2 * size; row++) {
    const x = numbers(size, row + 2)
    for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) gram[i * size + j]! += x[i]! * x[j]!
  }
  return gram
}

/** Codes by digest: arrays of millions are compared as bytes. */
const digests = ({ codes, scales, zeroPoints, ...rest }: BlockCodes) => ({
  ...rest,
  ...{ codes: sha256([codes]), scales: sha256([new Uint8Array(scales.buffer)]) },
  zeroPoints: zeroPoints && sha256([zeroPoints]),
})

describe('columns apart', () => {
  test.each([
    ['4 bits with zero points', task(40, 60_000)],
    ['8 bits without', task(33, 70_000, { options: { bits: 8, symmetric: true, fit: 'rtn' } })],
    ['by what the product reads', task(32, 70_000, { gram: gramOf(32) })],
  ])('%s: tasks joined are the whole', (_, whole) => {
    const parts = splitTask(whole)
    expect(parts.length).toBeGreaterThan(1)
    expect(parts.reduce((sum, { columns }) => sum + columns, 0)).toBe(whole.columns)
    expect(digests(joinCodes(parts.map(codeBlocks))!)).toEqual(digests(codeBlocks(whole)!))
  })

  test('a small matrix is one task, and a missing part is no codes', () => {
    const small = task(32, 64)
    expect(splitTask(small)).toEqual([small])
    expect(joinCodes([codeBlocks(small), null])).toBeNull()
  })
})

test.each([
  { bits: 4, block: 32 },
  { bits: 8, block: 32, fourBitsFrom: 1056 * 2000 },
] as const)('codes made ahead on threads are those of the rules, and every task went there: %o', async (options) => {
  const dims = [1056, 2000] as const
  const weights = ['a', 'b'].map((name, i) => tensorOf('float32', dims, numbers(dims[0] * dims[1], i + 1), name))
  const text = parseModel(`<ir_version: 10, opset_import: ["" : 21]>
    g (float[N,1056] x) => (float[N,2000] y, float[N,2000] z) { y = MatMul (x, a)  z = MatMul (x, b) }`)
  const model = { ...text, graph: { ...text.graph, initializers: new Map(weights.map((one) => [one.name, one])) } }
  let jobs = 0
  const map = async <I, O>(job: string, items: readonly I[]): Promise<readonly O[]> => {
    expect(job).toBe('codeBlocks')
    jobs += items.length
    return items.map((item) => codeBlocks(structuredClone(item) as BlockTask) as O)
  }
  const alone = await quantizeWeights.run(model, options, [])
  const spread = await quantizeWeights.run(model, options, [], map)
  expect(jobs).toBeGreaterThan(2)
  expect(modelDigest(spread.model)).toBe(modelDigest(alone.model))
  expect(spread.report).toEqual(alone.report)
})
