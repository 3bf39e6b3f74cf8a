import { expect, test } from 'vitest'
import { compareKernels, namedAsFound } from './compare-kernels.ts'

test('what was planned and is missing is named, with how many', () => {
  const mismatches = compareKernels({ QLinearConv: 3, QLinearAdd: 1 }, { QLinearConv: 1, Conv: 2, QLinearAdd: 1 })
  expect(mismatches).toHaveLength(1)
  expect(mismatches[0]).toMatchObject({ kernel: 'QLinearConv', planned: 3, found: 1 })
  expect(mismatches[0]!.reason).toContain('2 of 3 planned QLinearConv')
})

test('integer products stand for one another; movements do not count', () => {
  expect(compareKernels({ QGemm: 2, QLinearMatMul: 1, Reshape: 4 }, { MatMulIntegerToFloat: 3 })).toEqual([])
  expect(compareKernels({ QGemm: 2 }, { MatMulIntegerToFloat: 1 })).toMatchObject([{ planned: 2, found: 1 }])
  expect(compareKernels({ MaxPool: 1 }, { NhwcMaxPool: 1 })).toEqual([])
})

test('a plan goes by the names of the family that the runtime chose; what is missing keeps its own', () => {
  expect(namedAsFound({ QGemm: 3, MaxPool: 2 }, { MatMulIntegerToFloat: 1, QGemm: 2, NhwcMaxPool: 2 })).toEqual({
    QGemm: 2,
    MatMulIntegerToFloat: 1,
    NhwcMaxPool: 2,
  })
  expect(namedAsFound({ QGemm: 3, QLinearConv: 1 }, { QLinearMatMul: 1, Conv: 1 })).toEqual({
    QGemm: 2,
    QLinearMatMul: 1,
    QLinearConv: 1,
  })
  expect(namedAsFound({ QGemm: 1 }, { QGemm: 2, QLinearMatMul: 1 })).toEqual({ QGemm: 1 })
})

test('what only moves values goes by what the runtime made of it', () => {
  const planned = { Transpose: 3, Pad: 1, QLinearConv: 1 }
  expect(namedAsFound(planned, { Transpose: 1, Reshape: 1, QLinearConv: 1 })).toEqual({
    Transpose: 1,
    Reshape: 1,
    QLinearConv: 1,
  })
  expect(namedAsFound(planned, { Transpose: 4, Pad: 1 })).toEqual(planned)
})
