import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { LAYOUT_REPAIRS } from '../../passes/index.ts'
import { startTrail } from '../trail.ts'
import { quantizedTrail } from './quantized-trail.ts'

const model = modelWith('g (float[N,16] x) => (float y) { y = MatMul(x, w) }', { w: [16, 32] })

test.each(['weight-int8', 'weight-int4', 'dynamic-int8', 'float16'] as const)(
  '%s has the repairs of native kernels behind it, as the candidates of a search have; in a browser none',
  async (scheme) => {
    const ran = async (target: 'native' | 'web') => {
      const { trail } = await quantizedTrail(startTrail(model), [], { scheme, target })
      return trail.runs.map(({ id }) => id)
    }
    expect((await ran('native')).slice(1)).toEqual(LAYOUT_REPAIRS)
    expect(await ran('web')).toHaveLength(1)
  },
)
