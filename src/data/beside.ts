import { sha256, UserError } from '../platform/index.ts'
import type { Column, Dataset, Field, ReadOptions, Rows } from './dataset.ts'
import { readField } from './read-field.ts'

/** How a field of one model's own rows is called beside the rows of all. */
export const ownField = (owner: string, name: string): string => `${owner}: ${name}`

/** A data set as one part of several: which of its fields it gives, and what they are called in the whole. */
interface Part {
  readonly data: Dataset
  readonly names: ReadonlyMap<string, string>
}

/**
 * The rows of a data set with, beside them, the same rows as other models want them: other sizes, values and names of
 * inputs. Truth, groups and names of rows are the first set's; of the others only what feeds a model is taken, under
 * `ownField(owner, name)`. What a set must leave out is left out of the whole.
 *
 * @throws UserError `bad-data` where the sets do not hold the same rows: other numbers of them, or other labels or ids.
 */
export async function beside(data: Dataset, others: Readonly<Record<string, Dataset>>): Promise<Dataset> {
  const parts: Part[] = [{ data, names: new Map(data.fields.map(({ name }) => [name, name])) }]
  for (const [owner, other] of Object.entries(others)) {
    await sameRows(data, other, owner)
    const fed = other.fields.filter(({ role }) => role === 'input')
    parts.push({ data: other, names: new Map(fed.map(({ name }) => [name, ownField(owner, name)])) })
  }
  const renamed = <T>(of: (part: Dataset) => Readonly<Record<string, T>> | undefined): Record<string, T> =>
    Object.fromEntries([
      ...Object.entries(of(data) ?? {}),
      ...Object.entries(others).flatMap(([owner, other]) =>
        Object.entries(of(other) ?? {}).map(([name, value]) => [ownField(owner, name), value] as const),
      ),
    ])
  const labels = Object.entries(others)
  let digest: Promise<string> | undefined
  return {
    path: data.path,
    rows: data.rows,
    fields: [
      ...data.fields,
      ...labels.flatMap(([owner, other]) =>
        other.fields
          .filter(({ role }) => role === 'input')
          .map((field) => ({ ...field, name: ownField(owner, field.name), twin: twinOf(field, other, data) })),
      ),
    ],
    constants: renamed((part) => part.constants),
    domains: renamed((part) => part.domains),
    pixels: renamed((part) => part.pixels),
    ...(data.classNames ? { classNames: data.classNames } : {}),
    get notes() {
      return [...data.notes, ...labels.flatMap(([owner, other]) => other.notes.map((note) => `${owner}: ${note}`))]
    },
    get skipped() {
      return parts.flatMap((part) => part.data.skipped)
    },
    digest: () => (digest ??= digestOf(data, labels)),
    read: (options = {}) => together(parts, data.rows, options),
  }
}

async function digestOf(data: Dataset, others: readonly (readonly [string, Dataset])[]): Promise<string> {
  const all = [await data.digest()]
  for (const [owner, other] of others) all.push(owner, await other.digest())
  return sha256(JSON.stringify(all))
}

/** The field of the first set that is the same thing: of the same name, or the only input of either. */
function twinOf({ name }: Field, own: Dataset, data: Dataset): string {
  const inputs = (of: Dataset) => of.fields.filter(({ role }) => role === 'input')
  const [first] = inputs(data)
  return inputs(data).length === 1 && inputs(own).length === 1 ? first!.name : name
}

async function sameRows(data: Dataset, other: Dataset, owner: string): Promise<void> {
  const fail = (what: string) =>
    new UserError('bad-data', `the rows for ${owner} are not the same rows: ${what}`, {
      where: other.path,
      hint: `give the rows of ${data.path} in the same order, prepared for ${owner}`,
    })
  if (other.rows !== data.rows) throw fail(`${other.rows} of them, and ${data.rows} in ${data.path}`)
  for (const role of ['label', 'id'] as const) {
    const [mine, theirs] = [data, other].map((of) =>
      of.fields.find((field) => field.role === role && field.rowShape.length === 0),
    )
    if (!mine || !theirs) continue
    const [all, own] = [await readField(data, mine.name), await readField(other, theirs.name)]
    const row = all.findIndex((value, i) => String(value) !== String(own[i]))
    if (row >= 0) throw fail(`the ${role} of row ${row} is ${own[row]}, and ${all[row]} in ${data.path}`)
  }
}

async function* together(parts: readonly Part[], count: number, options: ReadOptions): AsyncGenerator<Rows> {
  const { indices = Array.from({ length: count }, (_, i) => i), batch, fields } = options
  const asked = parts.flatMap((part, i) => {
    const wanted = fields && [...part.names].filter(([, name]) => fields.includes(name)).map(([name]) => name)
    return wanted && wanted.length === 0 && i > 0 ? [] : [{ part, ...(wanted ? { fields: wanted } : {}) }]
  })
  const reading = asked.length > 1 && asked[0]!.fields?.length === 0 ? asked.slice(1) : asked
  const read = (i: number, of: readonly number[], size: number | undefined) => {
    const wanted = reading[i]!.fields
    return reading[i]!.part.data.read({ indices: of, batch: size, fields: wanted })
  }
  const running = reading.map((_, i) => read(i, indices, batch)[Symbol.asyncIterator]())
  let done = 0
  try {
    for (;;) {
      const next = await Promise.all(running.map((iterator) => iterator.next()))
      if (next.every((step) => step.done)) return
      const rows = next.flatMap((step) => (step.done ? [] : [step.value]))
      if (rows.length < next.length || rows.some((of) => !alike(of.indices, rows[0]!.indices))) break
      yield joined(rows, reading)
      for (const index of rows[0]!.indices) done = indices.indexOf(index, done) + 1
    }
  } finally {
    for (const iterator of running) await iterator.return?.()
  }
  // A set left a row out, or cut its batches elsewhere: what is left goes row by row.
  for (const index of indices.slice(done)) {
    const rows: Rows[] = []
    for (const i of reading.keys()) for await (const one of read(i, [index], 1)) rows.push(one)
    if (rows.length === reading.length) yield joined(rows, reading)
  }
}

const alike = (a: readonly number[], b: readonly number[]) => a.length === b.length && a.every((x, i) => x === b[i])

function joined(rows: readonly Rows[], reading: readonly { readonly part: Part }[]): Rows {
  const columns: Record<string, Column> = {}
  for (const [i, { part }] of reading.entries())
    for (const [name, column] of Object.entries(rows[i]!.columns)) {
      const shown = part.names.get(name)
      if (shown !== undefined) columns[shown] = column
    }
  return { indices: rows[0]!.indices, columns }
}
