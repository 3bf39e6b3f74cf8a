import { DTYPES, type DType } from './dtype.ts'
import { OPERATORS, TYPE_SETS } from './gen/operators.ts'
import type { Attribute, ValueType } from './model.ts'
import { NEWER_OPERATORS, NEWEST_OPSET } from './schema-newer.ts'

export { NEWEST_OPSET }

/** Kinds of attributes, by the letters of the table. */
const KINDS = {
  f: 'float',
  i: 'int',
  s: 'string',
  t: 'tensor',
  g: 'graph',
  F: 'floats',
  I: 'ints',
  S: 'strings',
  T: 'tensors',
  G: 'graphs',
  p: 'sparseTensor',
  P: 'sparseTensors',
  y: 'typeProto',
  Y: 'typeProtos',
} as const satisfies Record<string, Attribute['type']>

/** An attribute as the operator declares it. */
export interface AttributeSchema {
  readonly type: Attribute['type']
  readonly required: boolean
}

/** An input or output as the operator declares it; the last one of an operator may stand for many. */
export interface Parameter {
  /** The type variable that it shares with others, or its own. */
  readonly variable: string
  readonly optional: boolean
  /** `same`: any number, all of one type; `any`: any number, each of its own type. */
  readonly variadic: 'no' | 'same' | 'any'
  /** Element types and kinds that it may have; null where every type is allowed or unknown to us. */
  readonly types: ReadonlySet<string> | null
}

/** One version of an operator. */
export interface OperatorSchema {
  readonly since: number
  readonly deprecated: boolean
  readonly inputs: readonly Parameter[]
  readonly outputs: readonly Parameter[]
  readonly minInputs: number
  readonly maxInputs: number
  readonly minOutputs: number
  readonly maxOutputs: number
  readonly attributes: ReadonlyMap<string, AttributeSchema>
}

/** Domains whose operators are all in the table: a name that is not there does not exist. */
export const KNOWN_DOMAINS: ReadonlySet<string> = new Set(['', 'ai.onnx.ml', 'ai.onnx.preview.training'])

let lines: ReadonlyMap<string, string> | undefined
const parsed = new Map<string, readonly OperatorSchema[]>()

/** All versions of an operator in ascending order, by `operatorName`; empty for one that the table does not have. */
export function operatorVersions(name: string): readonly OperatorSchema[] {
  lines ??= readLines()
  const known = parsed.get(name)
  if (known) return known
  const line = lines.get(name)
  const versions = line === undefined ? [] : parseVersions(line)
  parsed.set(name, versions)
  return versions
}

/** The version of an operator that an operator set of this number holds. */
export function operatorSchema(name: string, opset: number): OperatorSchema | undefined {
  return operatorVersions(name).findLast(({ since }) => since <= opset)
}

function readLines(): ReadonlyMap<string, string> {
  const table = new Map<string, string>()
  for (const line of `${OPERATORS}${NEWER_OPERATORS}`.split('\n')) {
    const space = line.indexOf(' ')
    if (space < 0) continue
    const name = line.slice(0, space)
    const older = table.get(name)
    table.set(name, older === undefined ? line.slice(space + 1) : `${older}|${line.slice(space + 1)}`)
  }
  return table
}

function parseVersions(line: string): readonly OperatorSchema[] {
  let before: readonly string[] = []
  return line.split('|').map((version) => {
    const fields = version.split(';').map((field, i) => (field === '=' ? before[i]! : field))
    before = fields
    return parseVersion(fields)
  })
}

function parseVersion(fields: readonly string[]): OperatorSchema {
  const [since = '', ins = '', outs = '', inputs = '', outputs = '', attributes = '', variables = ''] = fields
  const sets = new Map(words(variables).map((word) => word.split(':') as [string, string]))
  const [minInputs, maxInputs] = bounds(ins)
  const [minOutputs, maxOutputs] = bounds(outs)
  return {
    since: Number.parseInt(since, 10),
    deprecated: since.endsWith('x'),
    inputs: words(inputs).map((word) => parseParameter(word, sets)),
    outputs: words(outputs).map((word) => parseParameter(word, sets)),
    minInputs,
    maxInputs,
    minOutputs,
    maxOutputs,
    attributes: new Map(words(attributes).map(parseAttribute)),
  }
}

const words = (text: string): readonly string[] => text.split(' ').filter((word) => word !== '')

function bounds(text: string): readonly [number, number] {
  const [low = '0', high = ''] = text.split('-')
  return [Number(low), high === '' ? Number.POSITIVE_INFINITY : Number(high)]
}

function parseParameter(word: string, sets: ReadonlyMap<string, string>): Parameter {
  const variable = word.replace(/[?*+]$/, '')
  const set = variable.startsWith('$') ? variable.slice(1) : sets.get(variable)
  return {
    variable,
    optional: word.endsWith('?'),
    variadic: word.endsWith('*') ? 'same' : word.endsWith('+') ? 'any' : 'no',
    types: set === undefined || set === '-' ? null : typeSet(Number(set)),
  }
}

let typeSets: readonly ReadonlySet<string>[] | undefined

function typeSet(index: number): ReadonlySet<string> | null {
  typeSets ??= TYPE_SETS.trim()
    .split('\n')
    .map((line) => new Set(words(line)))
  return typeSets[index] ?? null
}

function parseAttribute(word: string): readonly [string, AttributeSchema] {
  const [name = '', kind = ''] = word.split(':')
  return [name, { type: KINDS[kind[0] as keyof typeof KINDS], required: kind.endsWith('!') }]
}

/** Whether a value of this type may stand where the parameter is. */
export function accepts(parameter: Parameter, type: ValueType): boolean {
  if (parameter.types === null || type.kind === 'unknown') return true
  return parameter.types.has(type.kind === 'tensor' ? type.dtype : `#${type.kind}`)
}

/** Element types that operator sets up to 22 know; what is newer is not held against the table. */
export const isOldType = (dtype: DType): boolean => DTYPES[dtype].code < DTYPES.float4e2m1.code
