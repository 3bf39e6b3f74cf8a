import { type Column, type Dataset, memoryDataset } from '../src/data/index.ts'
import { inputsOf, openIsolated, type TensorValue } from '../src/engine/index.ts'
import type { Model } from '../src/ir/index.ts'

/** How a model that carries states is fed. */
export interface Stream {
  /** What one step of the sound is called, the shape it has, and the steps themselves, in order. */
  readonly name: string
  readonly dims: readonly number[]
  readonly steps: readonly Float32Array[]
  /** States that start at zeros: the input, its shape, and the output that it comes back by. */
  readonly states: readonly { readonly input: string; readonly output: string; readonly dims: readonly number[] }[]
  /** Inputs that are the same in every step. */
  readonly constants?: Readonly<Record<string, TensorValue>>
}

/** Runs a model over a stream and keeps every `every`th step as a row, with the states that the model had before it. */
export async function streamedRows(model: Model, stream: Stream, every: number): Promise<Dataset> {
  const session = await openIsolated(model)
  try {
    const zeros = (dims: readonly number[]) => new Float32Array(dims.reduce((size, dim) => size * dim, 1))
    let states: ReadonlyMap<string, Float32Array> = new Map(
      stream.states.map(({ input, dims }) => [input, zeros(dims)]),
    )
    const kept: { readonly step: Float32Array; readonly states: ReadonlyMap<string, Float32Array> }[] = []
    for (const [i, step] of stream.steps.entries()) {
      if (i % every === every - 1) kept.push({ step, states })
      const feeds: Record<string, TensorValue> = { ...stream.constants }
      feeds[stream.name] = { dtype: 'float32', dims: stream.dims, data: step }
      for (const { input, dims } of stream.states) feeds[input] = { dtype: 'float32', dims, data: states.get(input)! }
      const answers = await session.run(feeds)
      states = new Map(stream.states.map(({ input, output }) => [input, answers[output]!.data as Float32Array]))
    }
    const column = (dims: readonly number[], rows: readonly Float32Array[]): Column => {
      const data = new Float32Array(rows.length * rows[0]!.length)
      for (const [i, row] of rows.entries()) data.set(row, i * row.length)
      return { dtype: 'float32', dims: [rows.length, ...dims], data }
    }
    const columns: Record<string, Column> = {
      [stream.name]: column(
        stream.dims,
        kept.map(({ step }) => step),
      ),
    }
    for (const { input, dims } of stream.states)
      columns[input] = column(
        dims,
        kept.map((row) => row.states.get(input)!),
      )
    return memoryDataset(columns, {
      inputs: inputsOf(model),
      path: `${kept.length} steps of a made-up sound`,
      ...(stream.constants ? { constants: stream.constants } : {}),
    })
  } finally {
    await session.close()
  }
}
