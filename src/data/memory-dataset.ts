import { elementCount } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import type { Column, Dataset } from './dataset.ts'
import type { Row, Table } from './table.ts'
import { type TableDatasetOptions, tableDataset } from './table-dataset.ts'

export interface MemoryDatasetOptions extends TableDatasetOptions {
  /** What errors and reports call the set. */
  readonly path?: string
}

/**
 * A data set over arrays in memory: every column has the row on axis 0, and all have the same length. Roles are given
 * or found as for files: `inputs` names the model's inputs, `label` the truth, `slices` the groups.
 *
 * @throws UserError `bad-data` for columns of different lengths or with too few elements.
 */
export async function memoryDataset(
  columns: Readonly<Record<string, Column>>,
  options: MemoryDatasetOptions = {},
): Promise<Dataset> {
  return tableDataset(memoryTable(columns, options.path ?? 'memory'), options)
}

function memoryTable(columns: Readonly<Record<string, Column>>, path: string): Table {
  const entries = Object.entries(columns)
  const rows = entries[0]?.[1].dims[0] ?? 0
  for (const [name, { dims, data }] of entries) {
    const fail = (message: string) => new UserError('bad-data', message, { where: `field "${name}" of "${path}"` })
    if (dims.length === 0) throw fail(`"${name}" has no row axis: put a scalar among the constants.`)
    if (dims[0] !== rows) throw fail(`"${name}" has ${dims[0]} rows, but "${entries[0]![0]}" has ${rows}.`)
    if (elementCount(dims) !== data.length)
      throw fail(`"${name}" has ${data.length} elements, but its shape [${dims}] holds ${elementCount(dims)}.`)
  }
  return {
    path,
    rows,
    columns: entries.map(([name, { dtype, dims }]) => ({ name, dtype, rowShape: dims.slice(1) })),
    loose: [],
    randomAccess: true,
    notes: [],
    async *scan(indices, names) {
      const cellsAt = (index: number): Row => ({
        index,
        cells: Object.fromEntries(
          entries
            .filter(([name]) => names.includes(name))
            .map(([name, { dims, data }]) => {
              const size = elementCount(dims.slice(1))
              const from = index * size
              const cell = ArrayBuffer.isView(data)
                ? (data as Float32Array).subarray(from, from + size)
                : data.slice(from, from + size)
              return [name, { dims: dims.slice(1), data: cell }]
            }),
        ),
      })
      for (let from = 0; from < (indices?.length ?? rows); from += 1024)
        yield Array.from({ length: Math.min(1024, (indices?.length ?? rows) - from) }, (_, i) =>
          cellsAt(indices?.[from + i] ?? from + i),
        )
    },
    async *fingerprint() {
      for (const [name, { dtype, dims, data }] of entries) {
        yield `${JSON.stringify([name, dtype, dims])}\n`
        if (ArrayBuffer.isView(data)) yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
        else yield JSON.stringify(data)
      }
    },
  }
}
