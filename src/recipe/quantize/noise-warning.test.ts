import { expect, test } from 'vitest'
import { noiseWarning } from './noise-warning.ts'

const layers = [
  { name: 'quiet', sqnrDb: 40 },
  { name: 'same', sqnrDb: null },
  { name: 'noisy', sqnrDb: 12.34 },
]

test('outputs below what stays close are told with the noisiest layers and what helps this scheme', () => {
  const [warning, ...others] = noiseWarning({ scheme: 'static-int8', sqnrDb: 13.7, layers })
  expect(others).toEqual([])
  expect(warning).toMatch(/13\.7 dB.*25 dB.*the noisiest: noisy: 12\.3 dB/)
  expect(warning).toMatch(/--scheme dynamic-int8/)
  expect(warning).not.toMatch(/quiet|same/)
  expect(noiseWarning({ scheme: 'weight-int4', sqnrDb: 13.7, layers: [] })[0]).toMatch(/--group.*weight-int8/)
})

test('a node of several outputs is named once, by its noisiest', () => {
  const outputs = [
    { name: 'loop', sqnrDb: 20.1 },
    { name: 'product', sqnrDb: 20.4 },
    { name: 'loop', sqnrDb: 20.8 },
  ]
  const [warning] = noiseWarning({ scheme: 'weight-int4', sqnrDb: 20.8, layers: outputs })
  expect(warning).toContain('(the noisiest: loop: 20.1 dB, product: 20.4 dB)')
})

test('nothing is told where the outputs are close, identical or not measured', () => {
  expect(noiseWarning({ scheme: 'static-int8', sqnrDb: 25, layers })).toEqual([])
  expect(noiseWarning({ scheme: 'static-int8', sqnrDb: null, layers })).toEqual([])
})
