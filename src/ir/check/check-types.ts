import { inferModel } from '../infer/infer-types.ts'
import { type Model, type Node, nodeLabel, operatorName, type ValueType } from '../model.ts'
import { accepts, isOldType, operatorSchema, type Parameter } from '../schema.ts'
import { printedType } from '../text/index.ts'
import type { Report } from './problem.ts'

/** Types are held against the table up to this operator set; later ones only add types to operators. */
const TYPED_OPSET = 22

/** Checks declared types against inferred ones, and operands against what their operators take. */
export function checkTypes(model: Model, report: Report): void {
  const { conflicts } = inferModel(model, {
    onNode: (node, inputs) => checkOperands(node, inputs, model.opsets.get(node.domain) ?? 0, report),
  })
  for (const { value, what } of conflicts) report(value, what)
}

function checkOperands(node: Node, inputs: readonly (ValueType | undefined)[], opset: number, report: Report): void {
  const schema = operatorSchema(operatorName(node), opset)
  if (!schema) return
  const bound = new Map<string, { readonly type: ValueType; readonly input: number }>()
  for (const [i, type] of inputs.entries()) {
    const parameter = parameterAt(schema.inputs, i)
    if (!type || !parameter) continue
    if ((opset <= TYPED_OPSET || node.domain !== '') && isKnownType(type) && !accepts(parameter, type))
      report(nodeLabel(node), `input ${i} of ${operatorName(node)} cannot be ${printedType(type)}`)
    if (parameter.variadic === 'any') continue
    const first = bound.get(parameter.variable)
    if (!first) bound.set(parameter.variable, { type, input: i })
    else if (!sameElements(first.type, type))
      report(
        nodeLabel(node),
        `inputs ${first.input} and ${i} of ${operatorName(node)} must have one type, and are ${printedType(first.type)} and ${printedType(type)}`,
      )
  }
}

/** The last parameter stands for all that follow where it may stand for many. */
function parameterAt(parameters: readonly Parameter[], index: number): Parameter | undefined {
  const last = parameters.at(-1)
  return parameters[index] ?? (last?.variadic === 'no' ? undefined : last)
}

const isKnownType = (type: ValueType): boolean => type.kind !== 'tensor' || isOldType(type.dtype)

const sameElements = (a: ValueType, b: ValueType): boolean =>
  a.kind === b.kind && (a.kind !== 'tensor' || b.kind !== 'tensor' || a.dtype === b.dtype)
