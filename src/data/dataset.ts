import type { DType, NumericArray } from '../ir/index.ts'

/** A field of one or more rows, axis 0 being the row. Strings are arrays of strings; float16 a Uint16Array. */
export interface Column {
  readonly dtype: DType
  readonly dims: readonly number[]
  readonly data: NumericArray | readonly string[]
}

/** What a field is for. `input` feeds the model, `label` is the truth, `slice` names groups, `id` names the row. */
export type FieldRole = 'input' | 'label' | 'slice' | 'id'

/** One column of a data set: what it holds, and what it is for. */
export interface Field {
  readonly name: string
  readonly role: FieldRole
  readonly dtype: DType
  /** Shape of one row; null for a dimension that differs between rows. */
  readonly rowShape: readonly (number | null)[]
  /** The field that holds the same thing prepared in another way (`beside`), so that random changes hit both alike. */
  readonly twin?: string
  /** Where the label holds the next token at every place: how many tokens the tokenizer knows. */
  readonly nextTokens?: number
}

/** Consecutive rows: `columns` by field name, each with `rows` on axis 0, and the place of each row in the set. */
export interface Rows {
  readonly indices: readonly number[]
  /** Their places in the whole set, where this set is only a part of it. */
  readonly places?: readonly number[]
  readonly columns: Readonly<Record<string, Column>>
}

/** Which rows to read, in this order; all of them, with all fields, by default. */
export interface ReadOptions {
  readonly indices?: readonly number[] | undefined
  readonly batch?: number | undefined
  readonly fields?: readonly string[] | undefined
}

/** A row that could not be used. */
export interface SkippedRow {
  readonly row: string
  readonly reason: string
}

/**
 * Rows of inputs, labels and slice fields. Rows stream: nothing here holds the whole set, and every iteration gives
 * the same rows in the same order.
 */
export interface Dataset {
  readonly path: string
  readonly fields: readonly Field[]
  /** Number of rows; decoding may still skip some. */
  readonly rows: number
  /** Values for inputs that are not per row (`sr: 16000`, starting states). */
  readonly constants: Readonly<Record<string, Column>>
  /** Valid range of input values by field, where the data set declares one. */
  readonly domains: Readonly<Record<string, readonly [number, number]>>
  /** For inputs that are images: the values of black and of white, by channel, where the preprocessing says them. */
  readonly pixels?: Readonly<Record<string, readonly (readonly [number, number])[]>>
  /** Class names by label number, where the data set knows them. */
  readonly classNames?: readonly string[]
  /** `sha256:` over everything that decides the rows. */
  digest(): Promise<string>
  /**
   * The rows at `indices` (all where omitted), in that order, at most `batch` at a time. Only rows of equal shape
   * share a batch, so a batch ends early where the shape changes. With `fields`, only those are read (labels alone,
   * say, without decoding an image). Batches do not share memory.
   */
  read(options?: ReadOptions): AsyncIterable<Rows>
  /**
   * What a person should know about how the set was understood, in plain sentences: types that were cast,
   * preprocessing that was inferred, arrays that were ignored, values that were NaN in the reads so far.
   */
  readonly notes: readonly string[]
  /** Rows that the reads so far had to leave out. */
  readonly skipped: readonly SkippedRow[]
}
