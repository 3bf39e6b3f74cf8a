import { functionKey } from '../functions.ts'
import { type Attribute, type ModelFunction, type Node, nodeLabel, operatorName } from '../model.ts'
import { KNOWN_DOMAINS, NEWEST_OPSET, type OperatorSchema, operatorVersions, type Parameter } from '../schema.ts'
import type { GraphContext } from './problem.ts'

/** Checks a node against its operator: existence, number of operands, attributes. */
export function checkNode(node: Node, context: GraphContext): void {
  const { report, opsets, functions, parameters } = context
  const where = nodeLabel(node)
  for (const [name, attribute] of node.attributes)
    if (attribute.type === 'ref' && !parameters?.has(attribute.name))
      report(where, `attribute ${name} refers to '${attribute.name}', which no function around it has`)
  const opset = opsets.get(node.domain)
  const fn = functions.get(functionKey(node.domain, node.opType, node.overload))
  if (opset === undefined) report(where, `is of the domain '${node.domain}', of which no operator set is imported`)
  else if (fn) checkCall(node, fn, context)
  else if (KNOWN_DOMAINS.has(node.domain) && (node.domain !== '' || opset <= NEWEST_OPSET))
    checkOperator(node, opset, context)
}

function checkOperator(node: Node, opset: number, context: GraphContext): void {
  const operator = operatorName(node)
  const versions = operatorVersions(operator)
  const schema = versions.findLast(({ since }) => since <= opset)
  if (schema) {
    if (schema.deprecated)
      context.report(nodeLabel(node), `${operator} does not exist any more in operator set ${opset}`)
    checkCount(node, 'input', node.inputs, schema.minInputs, schema.maxInputs, context)
    checkCount(node, 'output', node.outputs, schema.minOutputs, schema.maxOutputs, context)
    checkOmitted(node, schema, context)
    checkAttributes(node, schema, context)
  } else if (versions[0])
    context.report(
      nodeLabel(node),
      `${operator} came with operator set ${versions[0].since}, and the model imports ${opset}`,
    )
  else if (!RUNTIME_OPERATORS.has(operator)) context.report(nodeLabel(node), `there is no operator ${operator}`)
}

/** The runtime writes a few operators of its own into the standard domain. */
const RUNTIME_OPERATORS: ReadonlySet<string> = new Set(['SimplifiedLayerNormalization'])

function checkCount(
  node: Node,
  what: 'input' | 'output',
  names: readonly string[],
  least: number,
  most: number,
  { report }: GraphContext,
): void {
  // Omitted operands at the end count as not given.
  const given = names.findLastIndex((name) => name !== '') + 1
  if (given <= most && names.length >= least) return
  const expected =
    least === most ? String(least) : most === Number.POSITIVE_INFINITY ? `${least} or more` : `${least} to ${most}`
  const count = given > most ? given : names.length
  const verb = what === 'input' ? 'takes' : 'makes'
  report(nodeLabel(node), `${operatorName(node)} ${verb} ${expected} ${what}s and has ${count}`)
}

function checkOmitted(node: Node, schema: OperatorSchema, { report }: GraphContext): void {
  for (const [i, name] of node.inputs.entries()) {
    const parameter: Parameter | undefined = schema.inputs[i]
    if (name === '' && parameter && !parameter.optional && parameter.variadic === 'no')
      report(nodeLabel(node), `input ${i} of ${operatorName(node)} cannot be omitted`)
  }
}

function checkAttributes(node: Node, schema: OperatorSchema, { report, parameters }: GraphContext): void {
  const where = nodeLabel(node)
  const operator = operatorName(node)
  for (const [name, attribute] of node.attributes) {
    const expected = schema.attributes.get(name)
    if (!expected) report(where, `${operator} has no attribute ${name}`)
    else if (attribute.type !== 'ref' && attribute.type !== expected.type)
      report(where, `attribute ${name} of ${operator} is of type ${attribute.type}, and ${expected.type} is expected`)
  }
  for (const [name, { required }] of schema.attributes)
    if (required && !node.attributes.has(name)) report(where, `${operator} needs the attribute ${name}`)
  if (operator === 'Constant' && node.attributes.size !== 1 && parameters === null)
    report(where, `Constant needs exactly one attribute and has ${node.attributes.size}`)
}

/** A call of a model-local function. */
function checkCall(node: Node, fn: ModelFunction, { report }: GraphContext): void {
  const where = nodeLabel(node)
  const operator = operatorName(node)
  if (node.inputs.length > fn.inputs.length)
    report(where, `function ${operator} takes ${fn.inputs.length} inputs and is given ${node.inputs.length}`)
  if (node.outputs.length > fn.outputs.length)
    report(where, `function ${operator} makes ${fn.outputs.length} outputs and is asked for ${node.outputs.length}`)
  for (const name of fn.attributes)
    if (!node.attributes.has(name)) report(where, `function ${operator} needs the attribute ${name}`)
  const known = new Set<string>([...fn.attributes, ...fn.defaults.keys()])
  for (const [name, attribute] of node.attributes as ReadonlyMap<string, Attribute>)
    if (!known.has(name) && attribute.type !== 'ref') report(where, `function ${operator} has no attribute ${name}`)
}
