import { expect, test } from 'vitest'
import { rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { toNumbers } from '../../ir/index.ts'
import { recognisePad } from './recognise-pad.ts'

const model = (body: string, { dtype = 'float', more = '', opset = 13 } = {}) =>
  `<ir_version: 8, opset_import: ["" : ${opset}]> g (${dtype}[N,2,3] x) => (${dtype} y)
  <int64[3] sizes = {1, 2, 3}, ${dtype}[1,1,3] none = {0, 0, 0}, ${dtype}[1,1,3] some = {0, 7, 0}${more}> { ${body} }`

test.each([
  ['behind, by a constant', 'y = Concat<axis = 1>(x, none)', [0, 0, 0, 0, 1, 0]],
  ['in front, counted from the end', 'y = Concat<axis = -2>(none, x)', [0, 1, 0, 0, 0, 0]],
  [
    'on both sides, made in each run',
    'z = ConstantOfShape(sizes) y = Concat<axis = 1>(none, x, none, z)',
    [0, 1, 0, 0, 3, 0],
  ],
])('zeros %s', async (_, body, pads) => {
  const { after, ops } = await rewriteEqually(recognisePad, model(body), { sizes: { N: 1 } })
  expect(ops.filter((op) => op !== 'ConstantOfShape')).toEqual(['Pad'])
  const pad = after.graph.nodes.at(-1)!
  expect([...toNumbers(after.graph.initializers.get(pad.inputs[1]!)!)]).toEqual(pads)
})

test.each([
  ['something else than zeros', model('y = Concat<axis = 1>(x, some)')],
  ['two parts that are computed', model('r = Relu(x) y = Concat<axis = 1>(x, r, none)')],
  ['nothing that is computed', model('z = ConstantOfShape(sizes) y = Concat<axis = 1>(z, none)')],
  ['ones of that shape', model('z = ConstantOfShape<value = float {1}>(sizes) y = Concat<axis = 1>(x, z)')],
  ['a shape of each run', model('s = Shape(x) z = ConstantOfShape(s) y = Concat<axis = 1>(x, z)')],
  ['texts', model('y = Concat<axis = 1>(x, none)', { dtype: 'string' }).replaceAll(/\{0.*?\}/g, '{"", "", ""}')],
  ['an old operator set', model('y = Concat<axis = 1>(x, none)', { opset: 10 })],
])('left alone: %s', async (_, source) => {
  expect((await rewriteWith(recognisePad, source)).report.applied).toBe(0)
})
