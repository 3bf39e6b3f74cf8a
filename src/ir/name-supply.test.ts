import { expect, test, vi } from 'vitest'
import { NameSupply } from './name-supply.ts'
import { parseModel } from './text/index.ts'

const { graph } = parseModel(
  'g (float[2] x, bool c) => (float[2] y) { y = If (c) <then_branch = a () => (t_1) { t_1 = Relu (x) }, else_branch = b () => (e) { e = Neg (x) }> }',
)

test('the first name that is free, of nested graphs too', () => {
  const names = new NameSupply(graph)
  names.take('t_3')
  expect(['t', 't', 't', 't', 'x', 'e'].map((hint) => names.fresh(hint))).toEqual([
    't',
    't_2',
    't_4',
    't_5',
    'x_1',
    'e_1',
  ])
})

test('a thousand names of one hint are a thousand looks, not half a million', () => {
  const names = new NameSupply(graph)
  const looks = vi.spyOn(Set.prototype, 'has')
  for (let i = 0; i < 1000; i++) names.fresh('scale')
  expect(looks.mock.calls.length).toBeLessThan(3000)
  looks.mockRestore()
})
