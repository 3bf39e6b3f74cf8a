/**
 * One definition gives both the TypeScript type and the JSON Schema of a report, so that the two cannot drift.
 */
export interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly items?: JsonSchema
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly minItems?: number
  readonly maxItems?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly description?: string
}

/** A JSON Schema that carries the TypeScript type of what it describes. */
export interface Schema<T> {
  readonly json: JsonSchema
  /** Never present at run time. */
  readonly type?: T
}

/** The TypeScript type of what a schema describes. */
export type Infer<S> = S extends Schema<infer T> ? T : never

type Fields = Readonly<Record<string, Schema<unknown>>>
type OptionalKeys<F extends Fields> = { [K in keyof F]: undefined extends Infer<F[K]> ? K : never }[keyof F]
type Flatten<T> = { readonly [K in keyof T]: T[K] }
type ObjectOf<F extends Fields> = Flatten<
  { [K in Exclude<keyof F, OptionalKeys<F>>]: Infer<F[K]> } & {
    [K in OptionalKeys<F>]?: Exclude<Infer<F[K]>, undefined>
  }
>

const schema = <T>(json: JsonSchema): Schema<T> => ({ json })
const optionalMark = new WeakSet<Schema<unknown>>()

export const text = schema<string>({ type: 'string' })
export const number = schema<number>({ type: 'number' })
export const integer = schema<number>({ type: 'integer' })
/** This, from `least` on, and to `most` where it is given, both included. */
export const within = (inner: Schema<number>, least: number, most?: number): Schema<number> =>
  schema({ ...inner.json, minimum: least, ...(most === undefined ? {} : { maximum: most }) })
export const boolean = schema<boolean>({ type: 'boolean' })
/** Any JSON value: passes' options and the like. */
export const json = schema<unknown>({})

const literal = <const V extends string | number>(value: V): Schema<V> => schema({ const: value })
/** One of these values, and nothing else. */
export const oneOf = <const V extends readonly (string | number | null)[]>(...values: V): Schema<V[number]> =>
  schema({ enum: values })
/** An array of any length, all of one kind. */
export const list = <T>(item: Schema<T>): Schema<readonly T[]> => schema({ type: 'array', items: item.json })
export const pair = <T>(item: Schema<T>): Schema<readonly [T, T]> =>
  schema({ type: 'array', items: item.json, minItems: 2, maxItems: 2 })
/** An object of any keys, whose values are all of one kind. */
export const record = <T>(value: Schema<T>): Schema<Readonly<Record<string, T>>> =>
  schema({ type: 'object', additionalProperties: value.json })
export const nullable = <T>(inner: Schema<T>): Schema<T | null> => schema({ anyOf: [inner.json, { type: 'null' }] })

/** A field that may be missing; only inside `object`. */
export function optional<T>(inner: Schema<T>): Schema<T | undefined> {
  const result = schema<T | undefined>(inner.json)
  optionalMark.add(result)
  return result
}

/** An object with these fields; more may be there, as the contract for readers says. */
export function object<F extends Fields>(fields: F): Schema<ObjectOf<F>> {
  const entries = Object.entries(fields)
  return schema({
    type: 'object',
    properties: Object.fromEntries(entries.map(([name, field]) => [name, field.json])),
    required: entries.filter(([, field]) => !optionalMark.has(field)).map(([name]) => name),
  })
}

/** What may be any of these. */
export const either = <T extends readonly unknown[]>(...ones: { [K in keyof T]: Schema<T[K]> }): Schema<T[number]> =>
  schema({ anyOf: ones.map(({ json }) => json) })

/** What each field of `O` is; none may be left out. */
export type OptionsOf<O> = { readonly [K in keyof O]-?: Schema<O[K]> }

/** An object with these fields and no others. */
export const exactly = <O>(fields: OptionsOf<O>): Schema<O> =>
  schema({ ...object(fields as Fields).json, additionalProperties: false })

/** A report kind: its fields behind `kind` and `version`. */
export function report<K extends string, F extends Fields>(kind: K, fields: F) {
  return object({ kind: literal(kind), version: literal(1), ...fields })
}
