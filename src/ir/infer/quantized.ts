import { intAttribute } from '../attribute.ts'
import { type DType, dtypeFromCode } from '../dtype.ts'
import { type Call, dtypeOf, has, type Rule, type Rules, shapeOf, tensor } from './call.ts'
import { multiplied } from './matrix.ts'
import { convolved } from './spatial.ts'

const stated = (call: Call): DType | undefined => dtypeFromCode(intAttribute(call.node, 'output_dtype', 0) || -1)

const quantize: Rule = (call) => [tensor(stated(call) ?? (has(call, 2) ? dtypeOf(call, 2) : 'uint8'), shapeOf(call, 0))]

const dequantize: Rule = (call) => [tensor(stated(call) ?? dtypeOf(call, 1), shapeOf(call, 0))]

export const quantizedRules: Rules = {
  QuantizeLinear: quantize,
  DequantizeLinear: dequantize,
  DynamicQuantizeLinear: (call) => [tensor('uint8', shapeOf(call, 0)), tensor('float32', []), tensor('uint8', [])],
  ConvInteger: (call) => [tensor('int32', convolved(call, 1))],
  MatMulInteger: (call) => [tensor('int32', multiplied(shapeOf(call, 0), shapeOf(call, 1)))],
  QLinearConv: (call) => [tensor(dtypeOf(call, 7) ?? dtypeOf(call, 0), convolved(call, 3))],
  QLinearMatMul: (call) => [tensor(dtypeOf(call, 7), multiplied(shapeOf(call, 0), shapeOf(call, 3)))],
  'com.microsoft.QuantizeLinear': quantize,
  'com.microsoft.DequantizeLinear': dequantize,
}
