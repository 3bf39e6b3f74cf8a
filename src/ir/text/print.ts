import type { Attribute, Graph, Metadata, Model, ModelFunction, Node } from '../model.ts'
import { printedName, quoted } from './names.ts'
import { printedNote } from './notes.ts'
import { type PrintOptions, printedAttribute, printedSparse, printedTensor, printedValue } from './print-value.ts'

/**
 * The model in ONNX's text syntax. `parseModel` reads it back to an equal model: constants come back in `raw` form,
 * and what the file held beyond ONNX (`kept`) is not printed.
 */
export function printModel(model: Model, options: PrintOptions = {}): string {
  const fields = [`ir_version: ${model.irVersion}`, `opset_import: ${printedOpsets(model.opsets)}`]
  if (model.producerName !== '') fields.push(`producer_name: ${quoted(model.producerName)}`)
  if (model.producerVersion !== '') fields.push(`producer_version: ${quoted(model.producerVersion)}`)
  if (model.domain !== '') fields.push(`domain: ${quoted(model.domain)}`)
  if (model.modelVersion !== 0n) fields.push(`model_version: ${model.modelVersion}`)
  if (model.docString !== '') fields.push(`doc_string: ${quoted(model.docString)}`)
  if (model.metadata.length > 0) fields.push(`metadata_props: ${printedPairs(model.metadata)}`)
  const functions = model.functions.map((fn) => `${printFunction(fn, options)}\n`)
  return [`<${fields.join(', ')}>\n`, printGraph(model.graph, options), '\n', ...functions].join('')
}

/** One graph of a model, its nested graphs included. `indent` is the depth of its nodes. */
export function printGraph(graph: Graph, options: PrintOptions = {}, indent = '  '): string {
  const inner = [
    ...[...graph.initializers.values()].map((tensor) => printedTensor(tensor, options, true)),
    ...(graph.sparseInitializers ?? []).map((sparse) => printedSparse(sparse, options, true)),
    ...[...graph.valueInfos.values()].map(printedValue),
  ]
  const list = inner.length > 0 ? `${indent}<${inner.join(`,\n${indent} `)}>\n` : ''
  const inputs = graph.inputs.map(printedValue).join(', ')
  const outputs = graph.outputs.map(printedValue).join(', ')
  const note = printedNote(graph)
  const head = `${printedName(graph.name)} (${inputs}) => (${outputs})`
  const gap = list === '' ? (note === '' ? ' ' : '') : '\n'
  return `${head}${gap}${list}${note}${printNodes(graph.nodes, options, indent)}`
}

function printNodes(nodes: readonly Node[], options: PrintOptions, indent: string): string {
  const outer = indent.slice(2)
  return `{\n${nodes.map((node) => `${indent}${printNode(node, options, indent)}\n`).join('')}${outer}}`
}

/** One node: `[label] y = Conv <strides = [2, 2]> (x, w)`; graphs among the attributes stand after the inputs. */
export function printNode(node: Node, options: PrintOptions = {}, indent = '  '): string {
  const label = node.name === '' ? '' : `[${printedName(node.name)}] `
  const overload = node.overload === undefined ? '' : `:${printedName(node.overload)}`
  const inputs = ` (${printedNames(node.inputs)})`
  const nested = [...node.attributes.values()].some(({ type }) => type === 'graph' || type === 'graphs')
  const attributes = printedAttributes(node.attributes, options, indent)
  const call = nested ? inputs + attributes : attributes + inputs
  const operator = [...printedDomain(node.domain), printedName(node.opType)].join('.')
  return `${label}${printedNames(node.outputs)} = ${operator}${overload}${call}${printedNote(node).trimEnd()}`
}

/** Names with commas between; an omitted one is nothing before a comma, and `""` at the end. */
const printedNames = (names: readonly string[]): string =>
  names.map((name, i) => (name === '' && i < names.length - 1 ? '' : printedName(name))).join(', ')

/** A domain's parts, bare where every one is an identifier, else the whole domain in quotes. */
function printedDomain(domain: string): string[] {
  if (domain === '') return []
  const parts = domain.split('.')
  return parts.every((part) => printedName(part) === part) ? parts : [quoted(domain)]
}

function printedAttributes(attributes: ReadonlyMap<string, Attribute>, options: PrintOptions, indent: string): string {
  if (attributes.size === 0) return ''
  const graph = (value: Graph) => printGraph(value, options, `${indent}  `)
  const each = [...attributes].map(([name, attribute]) => printedAttribute(name, attribute, options, graph))
  return ` <${each.join(', ')}>`
}

function printFunction(fn: ModelFunction, options: PrintOptions): string {
  const fields = [`domain: ${quoted(fn.domain)}`, `opset_import: ${printedOpsets(fn.opsets)}`]
  if (fn.overload !== undefined) fields.push(`overload: ${quoted(fn.overload)}`)
  if (fn.docString !== undefined) fields.push(`doc_string: ${quoted(fn.docString)}`)
  if (fn.metadata !== undefined) fields.push(`metadata_props: ${printedPairs(fn.metadata)}`)
  const graph = (value: Graph) => printGraph(value, options, '    ')
  const parameters = [
    ...fn.attributes.map(printedName),
    ...[...fn.defaults].map(([name, attribute]) => printedAttribute(name, attribute, options, graph)),
  ]
  const attributes = parameters.length > 0 ? ` <${parameters.join(', ')}>` : ''
  const infos = fn.valueInfos.size > 0 ? `  <${[...fn.valueInfos.values()].map(printedValue).join(', ')}>\n` : ''
  const head = `${printedName(fn.name)}${attributes} (${printedNames(fn.inputs)}) => (${printedNames(fn.outputs)})`
  return `<${fields.join(', ')}>\n${head}\n${infos}${printNodes(fn.nodes, options, '  ')}`
}

const printedOpsets = (opsets: ReadonlyMap<string, number>): string =>
  `[${[...opsets].map(([domain, version]) => `${quoted(domain)} : ${version}`).join(', ')}]`

const printedPairs = (pairs: Metadata): string =>
  `[${pairs.map(([key, value]) => `${quoted(key)}: ${quoted(value)}`).join(', ')}]`
