import { expect, test } from 'vitest'
import { encodeModel, simplify } from '../src/index.ts'
import type { Model } from '../src/ir/index.ts'
import { modelWith } from './quantize-kit.ts'

const PIECES = 'r = Relu(c) n = Neg(c) b = Relu(n) g = Neg(b) m = Mul(s, g) p = Add(r, m)'
const model = (slopes: string) =>
  modelWith(`g (float[1,3,24,24] x) => (float y) { c = Conv(x, w) ${slopes} y = Conv(p, v) }`, {
    w: [16, 3, 1, 1],
    s: [16, 1, 1],
    v: [16, 16, 1, 1],
  })
const opsOf = ({ graph }: Model) => graph.nodes.map(({ opType }) => opType)

test('slopes that came in pieces leave as pieces, which are faster than the operator, and stay so', async () => {
  const { model: once } = await simplify(model(PIECES))
  expect(opsOf(once)).toEqual(['Conv', 'Mul', 'Mul', 'Relu', 'Add', 'Conv'])
  const { model: twice } = await simplify(once)
  expect(Buffer.from(encodeModel(twice)).equals(encodeModel(once))).toBe(true)
})

test('a PRelu stays one where pieces would be more operators than the file had', async () => {
  const { model: same, report } = await simplify(model('p = PRelu(c, s)'))
  expect(opsOf(same)).toEqual(['Conv', 'PRelu', 'Conv'])
  expect(report.passes.map(({ id }) => id)).not.toContain('slopesAsProducts')
})
