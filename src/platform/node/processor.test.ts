import { expect, test } from 'vitest'
import { processor, processorName } from './processor.ts'

const EPYC = (model: number, flags: string) =>
  `processor\t: 0\ncpu family\t: 25\nmodel\t\t: ${model}\nmodel name\t: AMD EPYC\nflags\t\t: fpu ${flags} sse\n\nprocessor\t: 1\n`

test('processors of one name are told apart by family, model and the fastest instruction set', () => {
  expect(processorName('AMD EPYC', EPYC(1, 'avx avx2'))).toBe('AMD EPYC, family 25 model 1, AVX2')
  expect(processorName('AMD EPYC', EPYC(17, 'avx2 avx512f avx512_vnni'))).toBe(
    'AMD EPYC, family 25 model 17, AVX512-VNNI',
  )
  expect(processorName('AMD EPYC', EPYC(17, 'avx2'))).toBe('AMD EPYC, family 25 model 17, AVX2')
})

test('what nothing is told of has its name alone', () => {
  expect(processorName('Apple M2', '')).toBe('Apple M2')
  expect(processorName('arm64', 'Features\t: fp asimd asimddp\n')).toBe('arm64, dot products')
  expect(processor().length).toBeGreaterThan(0)
})
