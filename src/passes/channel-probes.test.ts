import { expect, test } from 'vitest'
import { parseModel } from '../ir/index.ts'
import { channelProbes } from './channel-probes.ts'

test('a value with an empty axis has no channels to look at', () => {
  const model = parseModel(`<ir_version: 8, opset_import: ["" : 17]>
    g (float[N,2] x) => (float[N,2] y) <float[2,2] w = {1,2,3,4}, int64[1] none = {0}, int64[1] axis = {1}>
    { h = MatMul(x, w)
      s = Slice(x, none, none, axis)
      y = Concat<axis = 1>(h, s) }`)
  const { probes } = channelProbes(model)
  expect(probes.has('s')).toBe(false)
  expect(probes.has('h')).toBe(true)
})

test('what tells of a value stands behind it, and the outputs last, those of the deepest values first', () => {
  const names = Array.from({ length: 8 }, (_, i) => `v${i}`)
  const model = parseModel(`<ir_version: 8, opset_import: ["" : 17]>
    g (float[1,2,4,4] x) => (float[1,2,4,4] v7) <float[2,2,1,1] w = {1,2,3,4}>
    { ${names.map((name, i) => `${name} = Conv(${i === 0 ? 'x' : names[i - 1]}, w)`).join(' ')} }`)
  const { model: probed, packs } = channelProbes(model)
  const places = new Map(probed.graph.nodes.flatMap(({ outputs }, at) => outputs.map((name) => [name, at] as const)))
  const first = probed.graph.nodes.length - packs.length
  expect(packs.map(({ output }) => places.get(output))).toEqual(packs.map((_, i) => first + i))
  for (const { output, values } of packs) {
    const [deepest] = values
    const told = [...places].filter(([name]) => name.startsWith(`${output}.`)).map(([, at]) => at)
    const next = names[names.indexOf(deepest!.name) + 1]
    expect(Math.min(...told)).toBeGreaterThan(places.get(deepest!.name) ?? -1)
    expect(Math.max(...told)).toBeLessThan(next === undefined ? first : places.get(next)!)
  }
})
