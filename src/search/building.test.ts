import { expect, test } from 'vitest'
import { modelWith } from '../../tests/quantize-kit.ts'
import { parseModel } from '../ir/index.ts'
import { Budget } from './budget.ts'
import { Building } from './building.ts'
import type { BuildsInTime } from './builds-in-time.ts'
import type { Pool } from './pool.ts'
import { staged } from './staged-kit.ts'

const convolution = parseModel(`<ir_version: 10, opset_import: ["" : 20]> g (float[1,1,4,4] x) => (float[1,1,4,4] y)
  <float[1,1,1,1] w = {2}> { y = Conv(x, w) }`)

/**
 * What is built at first in a search of so many seconds, of a model that takes `runMs` a row, of these sizes, and proves on
 * so many rows.
 */
async function builtFirst(seconds: number, runMs: number, proofRows: number, model = convolution, row = [1, 1, 4, 4]) {
  const asked: string[] = []
  const budget = new Budget(1000 * seconds, () => 0)
  budget.keepForProof(proofRows, { answering: runMs / 1000, judging: (2 * runMs) / 1000 }, 0)
  const pool = staged<Pool>({
    bench: {
      seen: { openMs: 100, runMs },
      target: 'native',
      inspection: { operators: { Conv: 1 } },
      example: model.graph.inputs.map(({ name }) => ({ name, shape: row })),
      rows: { calibrate: { indices: Array(128).fill(0) } },
      isRounded: async () => false,
      forProducts: async () => model,
      hasProducts: async () => true,
    },
    goal: { name: 'latency' },
    warnings: [],
    build: async () => null,
  })
  const builds = staged<BuildsInTime>({
    async inAnyCase(specs) {
      asked.push(...specs.map(({ id }) => id))
      return specs.map((spec) => ({ built: { spec } }))
    },
  })
  const building = new Building(pool, budget, builds)
  await building.first()
  return { asked, postponed: building.postponed }
}

test('one kind of integers comes first where the proof would leave no time behind a look at every kind', async () => {
  // Looking at all takes 13 seconds: of 60 too much where two fifths of them are kept for the proof.
  const hurried = await builtFirst(60, 41, 300)
  expect(hurried).toEqual({ asked: ['int8-typical-mse'], postponed: true })
  const few = await builtFirst(60, 41, 24)
  expect(few.asked).toContain('int8-everywhere-minmax')
  expect(few.postponed).toBe(false)
  expect(await builtFirst(300, 41, 300)).toEqual(few)
})

test('in a hurry a model of products is known by what candidates are made of, whatever the file fuses', async () => {
  const product = parseModel(`<ir_version: 10, opset_import: ["" : 20]> g (float[1,4] x) => (float[1,2] y)
    <float[4,2] w = {1,2,3,4,5,6,7,8}> { y = MatMul(x, w) }`)
  const { asked, postponed } = await builtFirst(60, 41, 300, product, [1, 4])
  expect(asked).toEqual(['dynamic-int8', 'weight-int8-wide'])
  expect(postponed).toBe(true)
})

test('4 bits for the largest products are tried where rows as they come make little else of them than reading weights', async () => {
  const sized = modelWith('g (float[n,1024] x) => (float y) { y = MatMul(x, w) }', { w: [1024, 1024] })
  const asked = async (rows: number) => (await builtFirst(300, 1, 24, sized, [rows, 1024])).asked
  expect(await asked(1)).toContain('weight-int4-large')
  const many = await asked(64)
  expect(many).toContain('weight-int8-wide')
  expect(many).not.toContain('weight-int4-large')
  const hurried = await builtFirst(60, 41, 300, sized, [1, 1024])
  expect(hurried.asked).toEqual(['dynamic-int8', 'weight-int8-wide', 'weight-int4-large'])
})
