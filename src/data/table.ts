import type { DType, NumericArray } from '../ir/index.ts'
import type { Column, SkippedRow } from './dataset.ts'

/** One field of one row: row-major elements. Views into a larger block are fine; nobody writes to them. */
export interface Cell {
  readonly dims: readonly number[]
  readonly data: NumericArray | readonly string[]
}

/** One row of a table: its place and its cells, by column. */
export interface Row {
  readonly index: number
  readonly cells: Readonly<Record<string, Cell>>
}

/** What is known of a column before anybody reads it for a model. */
export interface TableColumn {
  readonly name: string
  readonly dtype: DType
  /** Shape of one row; null for a dimension that differs between rows. */
  readonly rowShape: readonly (number | null)[]
  /** Where text stands that makes text of a column of numbers: among them, or around each (per cent, marks between thousands). */
  readonly textAmongNumbers?: string
  /** Where the first value stands that is not whole, or not there, and so makes a column of numbers floating point. */
  readonly notWhole?: string
  /** Of a text format, which stores no types: where the first whole number stands that float32 rounds; null where none does. */
  readonly untyped?: { readonly rounded: string | null }
}

/** What a source of data holds before anybody says what each field is for. */
export interface Table {
  readonly path: string
  readonly rows: number
  readonly columns: readonly TableColumn[]
  /** Arrays that are not one value a row. */
  readonly loose: readonly LooseArray[]
  /** Whether rows anywhere cost the same; a sequential source is read from its start in every pass. */
  readonly randomAccess: boolean
  readonly classNames?: readonly string[]
  /** The label holds the token that follows at every place, of so many that there are. */
  readonly nextTokens?: number
  readonly notes: readonly string[]
  /** Fields that are there, of a type that cannot be read, as the file names it. */
  readonly unreadable?: readonly { readonly name: string; readonly type: string }[]
  /**
   * The rows at `indices` (ascending, no repeats; all where null) in pieces of any size, with the named columns. A
   * row that cannot be used is told to `skip` and left out.
   */
  scan(
    indices: readonly number[] | null,
    names: readonly string[],
    skip: (row: SkippedRow) => void,
  ): AsyncIterable<readonly Row[]>
  /** Everything that decides the rows: options as text, files as bytes. */
  fingerprint(): AsyncIterable<Uint8Array | string>
}

/** An array whose length is not the number of rows, read when somebody needs it. */
export interface LooseArray {
  readonly name: string
  readonly dtype: DType
  readonly dims: readonly number[]
  read(): Promise<Column>
}

/** What columns that become one have in common: no types of their own, where none of them has one. */
export function untypedTogether(columns: readonly TableColumn[]): Pick<TableColumn, 'untyped'> {
  const all = columns.flatMap(({ untyped }) => untyped ?? [])
  if (all.length < columns.length) return {}
  return { untyped: { rounded: all.find(({ rounded }) => rounded !== null)?.rounded ?? null } }
}
