import { functionKey } from '../functions.ts'
import type { Model, ModelFunction } from '../model.ts'
import { checkGraph, Names } from './check-graph.ts'
import { checkTypes } from './check-types.ts'
import type { GraphContext, Problem } from './problem.ts'

/**
 * Everything that makes the model invalid, as values; empty for a valid one. Covers names (each made once, before it
 * is used, in sight), operators (known in the imported operator set, arity, attributes), types (what inference finds
 * against what is declared and what the operator takes), constants (bytes against dimensions) and functions. Operators
 * of domains that we have no table of are taken as they are. Linear in the model.
 */
export function checkModel(model: Model): readonly Problem[] {
  const problems: Problem[] = []
  const seen = new Set<string>()
  const report = (where: string, what: string) => {
    const key = `${where}\n${what}`
    if (!seen.has(key)) problems.push({ where, what })
    seen.add(key)
  }
  if (model.irVersion < 1) report('model', 'has no IR version')
  for (const [domain, version] of model.opsets)
    if (version < 1) report('model', `imports version ${version} of the operator set '${domain}'`)
  const functions = new Map<string, ModelFunction>()
  for (const fn of model.functions) {
    const key = functionKey(fn.domain, fn.name, fn.overload)
    if (functions.has(key)) report(functionLabel(fn), 'is defined twice')
    functions.set(key, fn)
  }
  const context: GraphContext = {
    report,
    functions,
    opsets: model.opsets,
    irVersion: model.irVersion,
    parameters: null,
  }
  checkGraph(model.graph, context, new Names(undefined))
  for (const { name, type } of model.graph.inputs)
    if (type.kind === 'unknown') report(name, 'is an input without a type')
  for (const fn of model.functions) checkFunction(fn, context)
  checkTypes(model, report)
  return problems
}

const functionLabel = (fn: ModelFunction): string => `function ${fn.domain}.${fn.name}`

/** A function is a graph of its own, with attributes as parameters. */
function checkFunction(fn: ModelFunction, context: GraphContext): void {
  const untyped = (name: string) => ({ name, type: { kind: 'unknown' } }) as const
  const graph = {
    name: functionLabel(fn),
    nodes: fn.nodes,
    inputs: fn.inputs.map(untyped),
    outputs: fn.outputs.map(untyped),
    initializers: new Map(),
    valueInfos: fn.valueInfos,
  }
  const parameters = new Set([...fn.attributes, ...fn.defaults.keys()])
  checkGraph(graph, { ...context, opsets: fn.opsets, parameters }, new Names(undefined))
}

/** What is wrong with a model and was not with the one that it was made of: files come with oddities that run. */
export function newProblems(model: Model, before: Model): readonly Problem[] {
  const problems = checkModel(model)
  if (problems.length === 0) return problems
  const known = new Set(checkModel(before).map(({ where, what }) => `${where}\n${what}`))
  return problems.filter(({ where, what }) => !known.has(`${where}\n${what}`))
}
