import {
  byteLengthOf,
  DTYPES,
  type DType,
  elementCount,
  inMemory,
  isNumeric,
  type Model,
  type NumericArray,
  ndValue,
  toNumbers,
  typedElements,
  type Value,
} from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import { checkFeeds } from './feeds.ts'
import { groupNames } from './fetch-groups.ts'
import { type InterpreterOptions, interpreterOf, valueNames } from './interpreter.ts'
import { portsOf } from './ports.ts'
import type { Engine, Feeds, Fetched, PortValue, Session, TensorValue } from './session.ts'

export type { InterpreterOptions as ReferenceOptions }

/**
 * The engine that computes each operator slowly and exactly, the oracle for the others: every floating result is
 * computed in float64 and rounded once to its type. It opens only models whose every operator has a rule; others are a
 * UserError (`unsupported`) that lists what is missing.
 */
export const reference: Engine = referenceWith()

/** The reference engine that carries wider numbers, or saturates as some processors do. */
export function referenceWith(options: InterpreterOptions = {}): Engine {
  const name = `reference${options.float64 ? ' float64' : ''}${options.saturate16 ? ' without VNNI' : ''}`
  return { name, open: async (model) => openReference(model, name, options) }
}

/** Element types that cross the border one element a place; packed ones do not. */
const isCarried = (dtype: string): boolean =>
  dtype === 'string' || (dtype in DTYPES && isNumeric(dtype as DType) && DTYPES[dtype as DType].bits >= 8)

function openReference(model: Model, name: string, options: InterpreterOptions): Session {
  const interpreter = interpreterOf(model, options)
  if (interpreter.unsupported.length > 0)
    throw new UserError('unsupported', `The reference engine has no rule for ${interpreter.unsupported.join(', ')}.`, {
      hint: 'Run the model with onnxruntime instead.',
    })
  const ports = portsOf(model, isCarried, 'the reference engine')
  const known = valueNames(model.graph)
  const made = new Set(model.graph.nodes.flatMap((node) => node.outputs))
  let closed = false

  const valuesOf = (feeds: Feeds): Map<string, Value> => {
    if (closed) throw new Error('internal: run on a closed session')
    checkFeeds(options.float64 ? widened(ports.inputs, feeds) : ports.inputs, feeds)
    return new Map(Object.entries(feeds).map(([input, value]) => [input, received(value, options.float64 ?? false)]))
  }

  return {
    inputs: ports.inputs,
    outputs: ports.outputs,
    engine: name,
    async run(feeds, fetch) {
      const names = fetch ?? ports.outputs.map((output) => output.name)
      for (const wanted of names)
        if (!known.has(wanted))
          throw new UserError('bad-argument', `The model has no value "${wanted}".`, {
            where: wanted,
            hint: 'Ask for outputs, inputs, weights or what a node of the main graph makes.',
          })
      const values = interpreter.run(valuesOf(feeds), names)
      const results: Record<string, TensorValue> = {}
      for (const wanted of names) results[wanted] = handedOut(wanted, values.get(wanted)!)
      return results satisfies Fetched
    },
    async fetchGroups(feeds, names, byteBudget) {
      const wanted = names.filter((name) => made.has(name))
      const sizes = new Map<string, number>()
      const asked = new Set(wanted)
      const last = lastMade(model, asked)
      interpreter.run(valuesOf(feeds), last, (name, value) => {
        if (!asked.has(name) || value.kind !== 'tensor') return
        const count = elementCount(value.dims)
        sizes.set(name, value.dtype === 'string' ? count * 64 : byteLengthOf(value.dtype, count))
      })
      return groupNames(wanted, sizes, byteBudget)
    },
    async close() {
      closed = true
    },
  }
}

/** One output of each node that makes a wanted value: what has to be computed so that all of them are seen. */
const lastMade = (model: Model, wanted: ReadonlySet<string>): string[] =>
  model.graph.nodes.flatMap((node) => node.outputs.find((name) => wanted.has(name)) ?? [])

/** Inputs as these feeds may give them: float64 where the model says a narrower floating type. */
function widened(inputs: readonly PortValue[], feeds: Feeds): PortValue[] {
  const narrow = new Set<DType>(['float32', 'float16', 'bfloat16'])
  return inputs.map((input) =>
    narrow.has(input.dtype) && feeds[input.name]?.dtype === 'float64' ? { ...input, dtype: 'float64' } : input,
  )
}

function received(value: TensorValue, float64: boolean): Value {
  const { dtype, dims, data } = value
  if (dtype === 'string') return ndValue('string', dims, [...(data as readonly string[])])
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return ndValue(dtype, dims, data.slice())
  const array = data as NumericArray
  const bytes = inMemory(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
  const numbers = toNumbers({ name: '', dtype, dims, data: { form: 'raw', bytes } })
  const narrow = dtype === 'float32' || dtype === 'float16' || dtype === 'bfloat16'
  return ndValue(float64 && narrow ? 'float64' : dtype, dims, numbers)
}

function handedOut(name: string, value: Value): TensorValue {
  if (value.kind !== 'tensor')
    throw new UserError('unsupported', `"${name}" is a ${value.kind}, which cannot be handed out.`, { where: name })
  const { dtype, dims } = value
  if (!isCarried(dtype))
    throw new UserError('unsupported', `"${name}" is ${dtype}, which cannot be handed out.`, { where: name })
  const data = dtype === 'string' ? [...(value.data as readonly string[])] : typedElements(value)
  return { dtype, dims: [...dims], data }
}
