import type { Model, ValueInfo, ValueType } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import { classNamesOf } from './class-names.ts'
import { typeText } from './feeds.ts'
import type { OmittedOutput, PortValue } from './session.ts'

/** What a session takes and gives, and the outputs that it had to leave out. */
export interface Ports {
  readonly inputs: readonly PortValue[]
  readonly outputs: readonly PortValue[]
  readonly omitted: readonly OmittedOutput[]
}

/**
 * The tensors at the border of a model. Graph inputs that have an initializer are weights with a default, not inputs.
 * Throws a UserError (`unsupported`) for an input or output whose element type the runtime has no array for, for
 * inputs that are no tensors, and where no output is a tensor.
 */
export function portsOf(model: Model, isCarried: (dtype: string) => boolean, runtime: string): Ports {
  const { graph } = model
  const inputs = inputsOf(model)
  const outputs: PortValue[] = []
  for (const info of graph.outputs)
    if (info.type.kind === 'tensor') {
      const classes = classNamesOf(info, graph)
      outputs.push({ ...port(info, info.type), ...(classes === undefined ? {} : { classes }) })
    } else if (info.type.kind === 'unknown') outputs.push({ name: info.name, dtype: 'undefined', shape: null })
  const omitted = omittedOutputs(model)
  for (const [kind, list] of [
    ['Input', inputs],
    ['Output', outputs],
  ] as const)
    for (const value of list)
      if (value.dtype !== 'undefined' && !isCarried(value.dtype))
        throw unsupportedPort(kind, value.name, typeText(value.dtype, value.shape), runtime)
  if (outputs.length === 0)
    throw new UserError('unsupported', 'None of the model’s outputs is a tensor.', {
      where: omitted.map(({ name }) => name).join(', '),
      hint: omitted.map(({ name, reason }) => `${name}: ${reason}`).join('; '),
    })
  return { inputs, outputs, omitted }
}

/** What a model takes: its inputs but for weights with a default. UserError `unsupported` for one that is no tensor. */
export const inputsOf = ({ graph }: Model): readonly PortValue[] =>
  graph.inputs.filter((input) => !graph.initializers.has(input.name)).map((info) => inputPort(info))

/** The error for a value that cannot cross the runtime's border. */
export function unsupportedPort(kind: string, name: string, type: string, runtime: string): UserError {
  return new UserError('unsupported', `${kind} "${name}" is ${type}, a type that ${runtime} cannot hand over.`, {
    where: name,
    hint: 'Cast it to float32, int32 or int8 inside the model.',
  })
}

function inputPort(info: ValueInfo): PortValue {
  if (info.type.kind === 'tensor') return port(info, info.type)
  throw new UserError('unsupported', `Input "${info.name}" is a ${info.type.kind}, not a tensor.`, {
    where: info.name,
    hint: 'Only models whose inputs are tensors can be run.',
  })
}

const port = (info: ValueInfo, type: ValueType & { kind: 'tensor' }): PortValue => ({
  name: info.name,
  dtype: type.dtype,
  shape: type.shape,
})

/** Outputs that are no tensors by their declared type, which no session hands out. */
export function omittedOutputs(model: Model): readonly OmittedOutput[] {
  return model.graph.outputs
    .filter(({ type }) => type.kind !== 'tensor' && type.kind !== 'unknown')
    .map((info) => ({ name: info.name, reason: omission(model, info) }))
}

/** Says of each output that is left out that nobody looks at it. */
export const leftUnseen = (omitted: readonly OmittedOutput[] = []): readonly string[] =>
  omitted.map(({ name, reason }) => `output "${name}" is not looked at: ${reason}`)

function omission(model: Model, info: ValueInfo): string {
  const maker = model.graph.nodes.find((node) => node.outputs.includes(info.name))
  const what = `it is ${info.type.kind === 'optional' ? 'an' : 'a'} ${info.type.kind}, which the runtime cannot hand over from Node`
  return maker?.opType === 'ZipMap'
    ? `${what}; ZipMap packs the scores "${maker.inputs[0]}" into it, and exported without (skl2onnx: options={"zipmap": False}) the model hands them over`
    : what
}
